"""Sharing changes for one machine until standard input ends: `python -m loadtests.sharing CONFIGURATION`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from guard.control.sharing import Sharing
from guard.settings import load


def main() -> None:
    """Share for the machine that the configuration is of."""
    logging.basicConfig(level=logging.WARNING)
    with Sharing(load(Path(sys.argv[1]))):
        sys.stdin.read()


if __name__ == "__main__":
    main()
