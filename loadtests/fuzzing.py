"""One target under atheris, coverage-guided: `python -m loadtests.fuzzing TARGET [libFuzzer's options and folders]`."""

from __future__ import annotations

import sys

import atheris

# What is imported here is instrumented, so that the fuzzer sees which of its lines an input reaches.
with atheris.instrument_imports(include=["guard"]):
    from loadtests.targets import TARGETS


def main() -> None:
    """Run until libFuzzer's options say that it is enough, or a target raises; it then ends the process itself."""
    program, target, *options = sys.argv
    atheris.Setup([program, *options], TARGETS[target].judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
