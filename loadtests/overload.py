"""Five times the load that the model can take: is as much served as before, and is the rest refused at once?

    make overload [ARGS=--help]

The model has a number of slots (`slots.py`), the guard is told that number (`data.overload.running`), and the load does
not wait for its answers (`openloop.py`). First comes what the model can just take, then a multiple of it. Passes (exit
code 0) if goodput stays at 90 % or more and 99 % of the refusals come within 10 ms.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import uvloop

from loadtests.openloop import Load, Tally
from loadtests.ports import free_ports
from loadtests.program import find, running
from loadtests.slots import ANSWER

PROMPT = (Path(__file__).parent / "prompt.json").read_bytes()
GOODPUT = 0.9
REFUSED_SECONDS = 0.01

CONFIG = """
data:
  listen: 127.0.0.1:{port}
  overload: {{running: {slots}, queue: {slots}, queue_timeout: 1}}
state: {folder}/state
rules: {{dir: null}}
models: {{chat: {{versions: {{v1: {{url: "http://127.0.0.1:{model}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: guard\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(PROMPT), PROMPT)
)


async def measure(port: int, rate: float, times: float, seconds: float) -> tuple[Tally, Tally]:
    """What comes of the rate that the model can take, and of a multiple of it."""
    load = Load("127.0.0.1", port, REQUEST)
    await load.run(rate, 1)
    peak = await load.run(rate, seconds)
    flood = await load.run(rate * times, seconds)
    load.close()
    return peak, flood


def report(peak: Tally, flood: Tally, seconds: float) -> dict[str, float]:
    """The numbers that the promise is about; times are milliseconds."""
    return {
        "peak_per_second": peak.count(200) / seconds,
        "goodput_per_second": flood.count(200) / seconds,
        "goodput_of_peak": flood.count(200) / max(peak.count(200), 1),
        "refused_per_second": flood.count(503) / seconds,
        "refused_p50_ms": 1_000 * flood.percentile(503, 50),
        "refused_p99_ms": 1_000 * flood.percentile(503, 99),
        "served_p99_ms": 1_000 * flood.percentile(200, 99),
        "broken": flood.count(0),
        "other": sum(len(took) for status, took in flood.took.items() if status not in (0, 200, 503)),
    }


def run(slots: int, busy: float, times: float, seconds: float, folder: Path | None = None) -> dict[str, float]:
    """Start the model and the guard, measure, and end both; the numbers of `report`."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        model, port = free_ports(2)
        config = place / "guard.yaml"
        config.write_text(CONFIG.format(port=port, model=model, slots=slots, folder=place), encoding="utf-8")
        words = ("-m", "loadtests.slots", "--port", str(model), "--slots", str(slots), "--seconds", str(busy))
        stack.enter_context(running("model", (sys.executable, *words), core=0, log=place / "model.log"))
        command = (find("guard"), "serve", "--config", str(config))
        guard = stack.enter_context(running("guard", command, core=1, log=place / "guard.log"))
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        guard.wait_for(url, PROMPT, {"content-type": "application/json"}, ANSWER)
        return report(*uvloop.run(measure(port, slots / busy, times, seconds)), seconds)


def kept(numbers: dict[str, float]) -> bool:
    """Whether the promise was."""
    return (
        numbers["goodput_of_peak"] >= GOODPUT
        and numbers["refused_p99_ms"] <= 1_000 * REFUSED_SECONDS
        and not numbers["broken"]
        and not numbers["other"]
    )


@click.command(help="Goodput and refusals under several times the load that the model can take.")
@click.option("--slots", type=click.IntRange(1), default=16, show_default=True, help="What the model works on at once.")
@click.option("--busy", type=float, default=0.02, show_default=True, help="Seconds that each request takes it.")
@click.option("--times", type=float, default=5.0, show_default=True, help="How many times what the model can take.")
@click.option("--seconds", type=float, default=5.0, show_default=True, help="How long each of the two loads lasts.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where files go meanwhile.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(slots: int, busy: float, times: float, seconds: float, folder: Path | None, as_json: bool) -> None:
    """Measure, print, and exit with 1 when the promise was not kept."""
    numbers = run(slots, busy, times, seconds, folder)
    if as_json:
        click.echo(json.dumps({**numbers, "kept": kept(numbers)}))
    else:
        for name, number in numbers.items():
            click.echo(f"{name:<20} {number:10.2f}")
        click.echo("kept" if kept(numbers) else "not kept")
    sys.exit(not kept(numbers))


if __name__ == "__main__":
    main()
