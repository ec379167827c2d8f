"""`guard demo`: the guard in front of a model, as a story on the screen."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError
from guard.cli.options import json_option
from guard.cli.output import console, emit

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from guard.demo.story import Told
    from guard.demo.world import World


@click.command()
@click.option("--once", is_flag=True, help="End after the story; exit code 0 only if it went as told.")
@json_option
def demo(once: bool, as_json: bool) -> int:
    """Start two model versions and the guard on free ports, and tell a short story with them.

    Without --once they stay up afterwards, to be tried by hand, until Ctrl-C.
    """
    from guard.cli.paths import rules_folder
    from guard.demo.children import ChildError
    from guard.demo.world import World

    # A signal must not leave the processes behind: as an exception it passes through what ends them.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with World(rules_folder()) as world:
            well = _play(world, as_json, once)
            if not once:
                world.wait()
            return int(not well)
    except ChildError as error:
        raise TroubleError(str(error)) from None


def _play(world: World, as_json: bool, once: bool) -> bool:
    """Tell the story; returns whether it went as told."""
    from guard.demo.story import tell_story

    if as_json:
        steps = [told.asdict() for told in tell_story(world)]
        well = not any(step["wrong"] for step in steps)
        emit({"ok": well, "url": world.url, "config": str(world.config), "curl": world.curl(), "steps": steps})
        return well
    screen = console()
    screen.print(f"The guard listens at {world.url}, in front of two versions of a model.\n", style="bold")
    well = True
    for told in tell_story(world):
        _show(screen, told)
        well = well and not told.wrong
    _conclude(screen, world, well, once)
    return well


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _show(screen: Console, step: Told) -> None:
    from guard.cli.exchange import line
    from guard.cli.visible import visible

    screen.print(f"{'✗' if step.wrong else '✓'} {step.scene.title}", style="bold red" if step.wrong else "bold green")
    screen.print(f"  asked    {visible(step.scene.prompt)}")
    screen.print(f"  answered {step.status} {visible(step.version or '')} {visible(step.said)}")
    if step.journal is not None:
        screen.print("  journal ", line(step.journal))
    for wrong in step.wrong:
        screen.print(f"  not as told: {visible(wrong)}", style="red")
    screen.print()


def _conclude(screen: Console, world: World, well: bool, once: bool) -> None:
    screen.print("It went as told." if well else "It did not go as told.", style="bold green" if well else "bold red")
    if once:
        screen.print("`guard demo` without --once stays up; then a line such as this one asks by hand:")
    else:
        screen.print("All stays up until Ctrl-C. Ask by hand:")
    screen.print(f"  {world.curl()}")
    screen.print(f"  guard log tail --config {world.config}")
