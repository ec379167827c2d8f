"""The bundled model as a process."""

import httpx
import pytest

from tests.model.running import model


def test_port_file(tmp_path):
    """The port that the system chose is printed, and in the port file."""
    with model("--port-file", str(tmp_path / "port")) as (url, _):
        assert url.endswith(f":{(tmp_path / 'port').read_text().strip()}")
        assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "v2"


def test_start_options():
    """The mood can be given at the start."""
    with model("--fail", "503", "--name", "v9") as (url, _):
        assert httpx.post(f"{url}/v1/completions", json={"prompt": "x"}).status_code == 503
        httpx.post(f"{url}/control", json={})
        assert "This is v9" in httpx.post(f"{url}/v1/completions", json={"prompt": "x"}).text


def test_dying():
    """Told to die after one answer, the process gives that one and is gone at the next."""
    with model("--die-after", "1") as (url, process):
        assert httpx.post(f"{url}/v1/completions", json={"prompt": "x"}).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{url}/v1/completions", json={"prompt": "x"})
        assert process.wait(10) == -9
