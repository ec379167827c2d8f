"""What is read from wrk's output."""

import pytest

from loadtests import wrk

GOOD = '{"requests":100,"seconds":2.000000,"errors":0,"p50_us":40,"p99_us":90}'


def test_result_is_the_last_line():
    """The sample is read from the last line, after wrk's own report."""
    sample = wrk.read(f"Running 2s test\n  1 threads and 32 connections\n{GOOD}\n")
    assert sample == wrk.Sample(requests=100, seconds=2.0, errors=0, p50_us=40, p99_us=90)
    assert sample.rate == 50.0


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("", "its result was expected"),
        ("unable to connect", "its result was expected"),
        ('{"requests":100}', "missing required field"),
        (GOOD.replace('"errors":0', '"errors":3'), "3 of 100 requests failed"),
    ],
)
def test_bad_run_is_an_error(output, says):
    """Output without a result, or with failed requests, never becomes a number."""
    with pytest.raises(wrk.WrkError, match=says):
        wrk.read(output)
