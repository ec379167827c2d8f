"""Rules."""

from tests.support.admin import REASON, admin


async def test_a_rule_is_added_and_taken_back(tmp_path):
    """The same one has the same id; one may be given."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        for given in ({"literal": "evil"}, {"literal": "evil"}, {"id": "mine", "regex": "z[0-9]+", "target": "output"}):
            answer = await client.post("/v1/rules", json={**given, **REASON})
            assert answer.status_code == 201
        found = (await client.get("/v1/rules")).json()["items"]
        assert [(one["literal"], one["regex"]) for one in found] == [("evil", None), (None, "z[0-9]+")]
        assert (await client.get(f"/v1/rules/{found[0]['id']}")).json() == found[0]
        assert (await client.delete("/v1/rules/mine", params=REASON)).status_code == 200
        assert (await client.delete("/v1/rules/mine", params=REASON)).status_code == 404


async def test_a_rule_that_cannot_be_compiled_is_refused(tmp_path):
    """It says why; so does one with both or neither of text and pattern."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        for given, told in (
            ({"regex": "((("}, "a '(' that nothing closes"),
            ({"literal": "a", "regex": "b"}, "either `literal` or `regex`"),
            ({}, "either `literal` or `regex`"),
        ):
            answer = await client.post("/v1/rules", json={**given, **REASON})
            assert answer.status_code == 422
            assert told in answer.text
