"""Lists, page by page."""

from guard.custody.control import append_all, change_record
from tests.support.admin import admin


def blocked(api, *values):
    """Block these."""
    append_all(
        api.desk.journal,
        [change_record({"type": "block", "kind": "ip", "value": value}, reason="r") for value in values],
    )


async def test_pages_have_everything_once(tmp_path):
    """In the order of names, whatever comes between two of them."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        blocked(api, *(f"10.0.0.{number}" for number in range(10)))
        found, cursor = [], None
        while True:
            more: dict[str, str] = {"cursor": cursor} if cursor else {}
            page = (await client.get("/v1/blocks", params={"limit": 3, **more})).json()
            found += [one["value"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
            blocked(api, "10.0.0.00"[:-1] + "5", f"9.0.0.{len(found)}")
        assert found == sorted(set(found))
        assert {f"10.0.0.{number}" for number in range(10)} <= set(found)


async def test_a_list_that_is_known_is_not_sent_again(tmp_path):
    """Until something in it changes, or ends by itself."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        first = await client.get("/v1/blocks")
        tag = first.headers["etag"]
        again = await client.get("/v1/blocks", headers={"if-none-match": f'W/{tag}, "x"'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        blocked(api, "192.0.2.1")
        assert (await client.get("/v1/blocks", headers={"if-none-match": tag})).status_code == 200
