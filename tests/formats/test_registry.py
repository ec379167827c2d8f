import pytest

from guard.formats import format_for


@pytest.mark.parametrize("name", ["openai", "anthropic", "generic"])
def test_formats_are_found_by_name(name):
    """The names of the configuration are the names of the formats."""
    assert format_for(name).name == name


@pytest.mark.parametrize(
    ("name", "prompt", "output", "message"),
    [
        ("grpc", (), (), "format 'grpc': expected one of openai, anthropic, generic"),
        ("openai", ("/a",), (), "format 'openai': it knows where prompt and output are"),
        ("anthropic", (), ("/a",), "format 'anthropic': it knows where prompt and output are"),
        ("generic", ("a",), (), "pointer 'a': expected '/' before each name"),
        ("generic", (), ("/~",), "pointer '/~': expected '/' before each name"),
    ],
)
def test_what_makes_no_format_is_refused(name, prompt, output, message):
    """An unknown name, a broken pointer and pointers for a format that needs none are errors that say so."""
    with pytest.raises(ValueError, match=f"^{message}"):
        format_for(name, prompt, output)
