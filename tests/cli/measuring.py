"""Commands that take measures: on a state folder where no guard runs, and on another machine."""

import asyncio
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from guard.cli import main
from guard.custody.control import changes
from tests.cli.running import CONFIG
from tests.support.admin import Api


def run(folder: Path, *arguments: str) -> Result:
    """Run a command with a configuration of one model with two versions, and one client."""
    path = folder / "guard.yaml"
    settings = yaml.safe_load(CONFIG)
    settings["models"]["chat"] = {
        "versions": {"v1": {"url": "http://127.0.0.1:9"}, "v2": {"url": "http://127.0.0.1:8"}},
        "active": "v2",
        "fallback": ["v1"],
    }
    settings["clients"] = {"app": {"key": "${UNSET_KEY}", "account": "acme"}}
    settings["identify"] = {"session_header": "x-session-id"}
    path.write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(main, [*arguments, "--config", str(path)])


def taken(folder: Path) -> list[dict[str, Any]]:
    """What the control log says was done."""
    return list(changes(folder / "var" / "journal"))


async def elsewhere(api: Api, role: str, *arguments: str) -> Result:
    """Run a command for the machine of that API, with nothing but its URL and an operator's token."""
    env = {"GUARD_ADMIN": api.url, "GUARD_TOKEN": api.tokens[role], "GUARD_CONFIG": "/nowhere/guard.yaml"}
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=env)
