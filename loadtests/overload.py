"""Five times the load that the model can take: is as much served as before, and is the rest refused at once?

    python -m loadtests.overload [--seconds 5] [--times 5] [--json]

The model has a number of slots (`slots.py`), the guard is told that number (`data.overload.running`), and the load does
not wait for its answers (`openloop.py`). First comes what the model can just take, then a multiple of it. Passes (exit
code 0) if goodput stays at 90 % or more and 99 % of the refusals come within 10 ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from loadtests.openloop import Load, Tally
from loadtests.peers import free_ports
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


def run(options: argparse.Namespace) -> dict[str, float]:
    """Start the model and the guard, measure, and end both."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.dir)))
        model, port = free_ports(2)
        (folder / "guard.yaml").write_text(
            CONFIG.format(port=port, model=model, slots=options.slots, folder=folder), encoding="utf-8"
        )
        slots = ("--listen", f"127.0.0.1:{model}", "--slots", str(options.slots), "--seconds", str(options.busy))
        stack.enter_context(
            running("model", (sys.executable, "-m", "loadtests.slots", *slots), core=0, log=folder / "model.log")
        )
        command = (find("guard"), "serve", "--config", str(folder / "guard.yaml"))
        guard = stack.enter_context(running("guard", command, core=1, log=folder / "guard.log"))
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        guard.wait_for(url, PROMPT, {"content-type": "application/json"}, ANSWER)
        rate = options.slots / options.busy
        return report(*uvloop.run(measure(port, rate, options.times, options.seconds)), options.seconds)


def main() -> int:
    """Read the command line, measure, print; 1 when the promise was not kept."""
    parser = argparse.ArgumentParser(description="Goodput and refusals under several times the load that can be taken.")
    parser.add_argument("--slots", type=int, default=16, help="how many requests the model works on at a time")
    parser.add_argument("--busy", type=float, default=0.02, help="seconds that each takes")
    parser.add_argument("--times", type=float, default=5, help="how many times the load that the model can take")
    parser.add_argument("--seconds", type=float, default=5, help="how long each of the two loads lasts")
    parser.add_argument("--dir", help="where files go meanwhile, by default the system's temporary folder")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    numbers = run(options)
    kept = (
        numbers["goodput_of_peak"] >= GOODPUT
        and numbers["refused_p99_ms"] <= 1_000 * REFUSED_SECONDS
        and not numbers["broken"]
        and not numbers["other"]
    )
    if options.json:
        sys.stdout.write(json.dumps({**numbers, "kept": kept}) + "\n")
    else:
        for name, number in numbers.items():
            sys.stdout.write(f"{name:<20} {number:10.2f}\n")
        sys.stdout.write("kept\n" if kept else "not kept\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
