"""Models."""

from tests.support.admin import REASON, admin


async def test_a_model_is_switched_isolated_and_online_again(tmp_path):
    """As `guard route` does it."""
    async with admin(tmp_path) as api, api.client("operator") as client:

        async def order(**given):
            answer = await client.post("/v1/routes", json={**given, **REASON})
            assert answer.status_code == 201, answer.text
            return (await client.get("/v1/routes/chat")).json()

        first = (await client.get("/v1/routes/chat")).json()
        assert first == {"model": "chat", "active": "v1", "fallback": ["v2"], "isolated": False, "offline": False}
        assert (await order(action="switch", model="chat", version="v2"))["active"] == "v2"
        assert (await order(action="isolate", model="chat"))["isolated"]
        assert (await order(action="offline"))["offline"]
        assert (await order(action="online"))["isolated"] is False
        assert (await order(action="switch", model="chat")) == first
        found = (await client.get("/v1/routes")).json()["items"]
        assert [one["model"] for one in found] == ["chat", "embed"]


async def test_what_makes_no_sense_is_refused(tmp_path):
    """A model that there is not, a version of another action, no model where one is needed."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        for given, status in (
            ({"action": "switch"}, 422),
            ({"action": "isolate"}, 422),
            ({"action": "isolate", "model": "chat", "version": "v1"}, 422),
            ({"action": "isolate", "model": "other"}, 404),
            ({"action": "switch", "model": "chat", "version": "v9"}, 404),
        ):
            assert (await client.post("/v1/routes", json={**given, **REASON})).status_code == status
        assert (await client.get("/v1/routes/other")).status_code == 404
        tag = (await client.get("/v1/routes")).headers["etag"]
        assert (await client.get("/v1/routes", headers={"if-none-match": tag})).status_code == 304
        tag = (await client.get("/v1/routes/chat")).headers["etag"]
        assert (await client.get("/v1/routes/chat", headers={"if-none-match": tag})).status_code == 304
