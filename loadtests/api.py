"""The admin API of a running guard against its own OpenAPI document: thousands of calls made up from it.

    make api [ARGS=--help]

Starts a guard, and has Schemathesis make calls that fit the document, nearly fit it, and do not: one by one, and in
sequences where one call uses what another gave. Passes (exit code 0) if no call is a fault of the guard, every answer
is one that the document has, and the guard's logs verify afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

import click

from guard.custody.local import Local, published
from guard.demo.children import Child

CONFIG = """\
data: {listen: "127.0.0.1:0", drain_timeout: 1}
admin: {listen: "127.0.0.1:0"}
identify: {session_header: x-session}
rules: {dir: null}
models: {chat: {versions: {v1: {url: "http://127.0.0.1:9"}, v2: {url: "http://127.0.0.1:9"}}, active: v1}}
routes: [{path: /v1/, format: openai, model: chat}]
clients: {web: {key: sk-web, account: acme}}
"""
# What fits the document may still make no sense here: an address that is none, a version that has passed. Who calls
# without a token is soon told 429, not 401 each time (`tests/admin/test_openapi.py` sees the 401s). And what is deleted
# with `dry_run` is there afterwards.
EXPECTED = """\
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429"]
missing_required_header.enabled = false
ignored_auth.enabled = false
use_after_free.enabled = false
"""
START_SECONDS = 30.0


def run(folder: Path, examples: int, phases: str, seconds: int) -> list[str]:
    """Run it with so many examples a call, for so many seconds at most; what went wrong, in its own words."""
    (folder / "guard.yaml").write_text(CONFIG)
    (folder / "schemathesis.toml").write_text(EXPECTED)
    config = str(folder / "guard.yaml")
    with Child("guard", ["serve", "--config", config, "--json"], folder) as guard:
        guard.first_line()
        words = _words(folder, _listening(folder / "var"), examples, phases)
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False, cwd=folder)
    wrong = [] if done.returncode == 0 else [done.stdout[-10_000:] + done.stderr[-2_000:]]
    if "Traceback" in guard.log.read_text():
        wrong.append(guard.log.read_text()[-5_000:])
    verified = subprocess.run(
        [sys.executable, "-m", "guard.cli", "log", "verify", "--config", config],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return wrong if verified.returncode == 0 else [*wrong, verified.stdout + verified.stderr]


def _listening(state: Path) -> Local:
    """Where the control process listens, once it does."""
    until = monotonic() + START_SECONDS
    while (found := published(state)) is None:
        if monotonic() > until:
            raise click.ClickException("the control process does not listen")
        sleep(0.02)
    return found


def _words(folder: Path, local: Local, examples: int, phases: str) -> list[str]:
    return [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(folder / "schemathesis.toml"),
        "run", f"{local.url}/openapi.json", "--header", f"Authorization: Bearer {local.token}",
        "--exclude-path", "/v1/events", "--phases", phases, "--max-examples", str(examples), "--workers", "1",
        "--no-color", "--suppress-health-check", "all",
    ]  # fmt: skip


@click.command(help=__doc__)
@click.option("--examples", type=click.IntRange(1), default=200, show_default=True, help="How many for each call.")
@click.option("--phases", default="coverage,fuzzing,stateful", show_default=True, help="Schemathesis' own names.")
@click.option("--seconds", type=click.IntRange(1), default=3_600, show_default=True, help="After which it is given up.")
def main(examples: int, phases: str, seconds: int) -> None:
    """Run it, and say what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(Path(folder), examples, phases, seconds)
    for one in wrong:
        click.echo(one)
    click.echo("the document does not tell the truth" if wrong else "every answer was as the document says")
    sys.exit(int(bool(wrong)))


if __name__ == "__main__":
    main()
