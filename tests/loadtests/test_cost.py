"""What the journal costs is measured on guards that do what their names say."""

import subprocess
import sys

import orjson
import pytest

from tests.support.journals import records

CONFIG = """
data: {{listen: 127.0.0.1:0}}
admin: {{listen: null}}
state: {state}
rules: {{dir: null}}
models: {{chat: {{versions: {{v1: {{url: "http://127.0.0.1:1"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""
ASK = """
import sys, httpx
print(httpx.post(sys.argv[1] + "/v1/chat/completions", json={"messages": []}).status_code)
"""


@pytest.mark.parametrize(
    ("which", "written"),
    [("on", True), ("unchained", True), ("unsynced", True), ("off", False), ("uncounted", True), ("traced", True)],
)
def test_variants_do_what_they_say(tmp_path, which, written):
    """All of them answer; only `off` writes nothing, and only `unchained` writes no chains."""
    path = tmp_path / "guard.yaml"
    path.write_text(CONFIG.format(state=tmp_path / "state"))
    command = [sys.executable, "-m", "loadtests.variant", which, "serve", "--json", "--config", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as guard:
        assert guard.stdout is not None
        url = orjson.loads(guard.stdout.readline())["listening"]
        subprocess.run([sys.executable, "-c", ASK, url], check=True, capture_output=True)
        guard.terminate()
        guard.wait(10)
    journal = tmp_path / "state" / "journal"
    if which == "unchained":
        lines = (journal / "w1" / f"{0:016d}.jsonl").read_bytes().splitlines()
        kinds = [orjson.loads(line)["kind"] for line in lines if b'"seq"' not in line]
        assert "outcome" in kinds
    else:
        assert ("outcome" in [record["kind"] for record in records(journal)]) is written
