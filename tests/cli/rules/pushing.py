"""Rules folders for the tests of `guard rules`."""

from __future__ import annotations

from pathlib import Path

RULE = """
- id: {id}
  title: About {word}
  level: high
  target: prompt
  match: {{any: ["{word}"]}}
  action: block
  mode: {mode}
  tests: {{match: ["{word}"], no_match: ["-"]}}
"""


def folder(path: Path, *words: str, mode: str = "enforce", **more: str) -> Path:
    """A folder with a rule for each word, called by it; `more` are rules by their id."""
    path.mkdir(exist_ok=True)
    rules = {word: word for word in words} | more
    text = "".join(RULE.format(id=id_, word=word, mode=mode) for id_, word in rules.items())
    (path / "10-test.yaml").write_text(text)
    return path
