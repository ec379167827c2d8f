"""How this machine is."""

from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.support.admin import REASON, admin


async def test_workers_and_those_that_are_behind(tmp_path):
    """What each has in force, held against the newest."""
    async with admin(tmp_path) as api, api.client("operator") as client, api.client(None) as nobody:
        with claim(api.desk.journal):
            acknowledge(tmp_path, Running("w1", 77, 99, 98))
            answer = await client.post("/v1/blocks", json={"kind": "ip", "value": "192.0.2.1", **REASON})
            acknowledge(tmp_path, Running("w1", 77, 1, 1))
            told = (await client.get("/v1/status")).json()
        assert (told["version"], told["behind"]) == (answer.json()["version"], ["w1"])
        assert told["workers"] == [
            {"log": "w1", "pid": 77, "policy": 1, "measures": 1, "fault": "", "rules": "", "waits": ""}
        ]
        assert (told["measures"], told["supervisor"], told["control"]) == (told["version"], None, False)
        for path in ("/healthz", "/readyz"):
            assert (await nobody.get(path)).json() == {"status": "ok"}


async def test_it_is_not_ready_while_the_control_log_cannot_be_read(tmp_path):
    """It is alive all the same."""
    async with admin(tmp_path) as api, api.client(None) as client:
        path = next((api.desk.journal / "control").glob("*.jsonl"))
        path.write_bytes(path.read_bytes().replace(b"a-viewer", b"b-viewer"))
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
