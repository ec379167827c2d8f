"""Who a request is from, through a running guard: forwarding headers, PROXY headers and client certificates."""

import httpx
import pytest

from tests.support.certificates import Certificates, sha256
from tests.support.guard import guard, one_model, raw_request
from tests.support.model import model
from tests.support.raw import connected

ASK = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}
LIMITED = "limits: [{per: address, requests: 1/h, burst: 5}]"
BALANCED = "data: {proxy_protocol: true}\nidentify: {trusted_proxies: [127.0.0.1]}\n"


def v1(source: str) -> bytes:
    """A PROXY header that names this source."""
    return f"PROXY TCP4 {source} 192.0.2.1 4711 443\r\n".encode()


@pytest.mark.parametrize("trusted", ["", "identify: {trusted_proxies: [10.0.0.0/8]}\n"])
async def test_a_thousand_invented_addresses_are_one_client(tmp_path, trusted):
    """Rotating forwarding headers from a peer that is no proxy of ours do not get it more than one client's share."""
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url, more=trusted + LIMITED)) as running,
        connected(running.port) as client,
    ):
        statuses = []
        for n in range(1_000):
            address = f"203.0.{n // 250}.{n % 250}"
            headers = (f"X-Forwarded-For: {address}\r\n", f"Forwarded: for={address}\r\n", f"X-Real-IP: {address}\r\n")
            await client.send(raw_request(ASK, headers=headers[n % 3]))
            statuses.append((await client.answer()).status)
        assert (statuses.count(200), statuses.count(429)) == (5, 995)
        assert {one["client"]["address"] for one in await running.journal(105)} == {"127.0.0.1"}
        # Beyond its budget of whole records the one client's refusals are counted, all together.
        assert [one["count"] for one in running.proxy.refusals.rest()] == [995 - 100]


async def test_through_a_trusted_proxy_each_client_has_its_own_share(tmp_path):
    """Behind a proxy of ours clients are told apart, however their addresses are written; twins say nothing."""
    more = "identify: {trusted_proxies: [127.0.0.1]}\n" + LIMITED.replace("burst: 5", "burst: 1")
    written = [
        "203.0.113.9",
        "::ffff:203.0.113.9",
        "203.0.113.9:80",
        "1.1.1.1, 203.0.113.9",
        "1.1.1.1,127.0.0.1, 203.0.113.9",
    ]
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        for number, value in enumerate(written):
            assert (await running.chat(headers={"x-forwarded-for": value})).status_code == (429 if number else 200)
        assert (await running.chat(headers={"x-forwarded-for": "203.0.113.10"})).status_code == 200
        assert (await running.chat(headers={"forwarded": 'for="[2001:db8::1]:4711"'})).status_code == 200
        assert (await running.chat(headers={"forwarded": 'for="[2001:db8::2]:4712"'})).status_code == 429
        assert (await running.chat(headers={"x_forwarded_for": "203.0.113.11"})).status_code == 200
        assert (await running.chat(headers={"x_forwarded_for": "203.0.113.12"})).status_code == 429
        both = {"x-forwarded-for": "203.0.113.13", "forwarded": "for=203.0.113.14"}
        refused = await running.chat(headers=both)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "ambiguous_address")
    assert len(served.calls) == 4
    assert [call.head for call in served.calls if b"forwarded" in call.head.lower()] == []


async def test_limits_and_blocks_see_whom_a_balancer_names(tmp_path):
    """The PROXY header's source is who is limited, blocked and journaled; its forwarding headers are a stranger's."""
    more = BALANCED + LIMITED.replace("burst: 5", "burst: 2") + "\nblocks: [{ip: 198.51.100.0/24}]"
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:

        async def statuses(source: str) -> list[int]:
            async with connected(running.port) as client:
                await client.send(v1(source) + b"".join(
                    raw_request(ASK, headers=f"X-Forwarded-For: 1.1.1.{n}\r\n") for n in range(3)
                ))  # fmt: skip
                return [(await client.answer()).status for _ in range(3)]

        assert await statuses("203.0.113.9") == [200, 200, 429]
        assert await statuses("203.0.113.10") == [200, 200, 429]
        assert await statuses("198.51.100.7") == [403] * 3
        addresses = [one["client"]["address"] for one in await running.journal(9)]
    assert sorted(addresses) == sorted(["203.0.113.9", "203.0.113.10", "198.51.100.7"] * 3)


async def test_a_proxy_behind_a_balancer_is_believed_if_it_is_ours(tmp_path):
    """A balancer passes on the connection of an HTTP proxy of ours: then its X-Forwarded-For counts."""
    more = BALANCED.replace("[127.0.0.1]", "[127.0.0.1, 10.0.0.7]")
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url, more=more)) as running,
        connected(running.port) as client,
    ):
        await client.send(v1("10.0.0.7") + raw_request(ASK, headers="X-Forwarded-For: 203.0.113.9\r\n"))
        assert (await client.answer()).status == 200
        assert [one["client"]["address"] for one in await running.journal(1)] == ["203.0.113.9"]


async def test_a_client_is_known_by_its_certificate(tmp_path):
    """The journal has its fingerprint and the client's name; another client's key beside it is refused."""
    files = Certificates(tmp_path)
    app, other = files.authority.issue_cert("app"), files.authority.issue_cert("other")
    more = f"""
data:
  tls: {{certificate: {files.certificate}, key: {files.key}, client_ca: {files.ca}, client: optional}}
identify: {{unknown: refuse}}
clients: {{app: {{certificate: {sha256(app)}, account: acme}}, batch: {{key: batch-key}}}}
"""
    key = {"authorization": "Bearer batch-key"}
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        for leaf, headers, status in (
            (app, {}, 200), (app, key, 400), (other, {}, 401), (other, key, 200), (None, key, 200), (None, {}, 401),
        ):  # fmt: skip
            url = f"https://127.0.0.1:{running.port}/v1/chat/completions"
            async with httpx.AsyncClient(verify=files.trusting(leaf), timeout=10) as client:
                for _ in range(2):
                    assert (await client.post(url, json=ASK, headers=headers)).status_code == status
        journal = await running.journal(12)
    told = [(one["client"]["certificate"], one["client"]["name"], one["reason"]) for one in journal[::2]]
    assert told == [
        (sha256(app), "app", None),
        (sha256(app), "app", "ambiguous_client"),
        (sha256(other), None, "invalid_api_key"),
        (sha256(other), "batch", None),
        (None, "batch", None),
        (None, None, "invalid_api_key"),
    ]
    assert journal[0]["client"]["account"] == "acme"
