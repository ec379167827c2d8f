"""The rules of "everything on": random phrases and regexes in the guard's format, the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

VERBS = ("act", "behave", "bypass", "disable", "dump", "override", "pretend", "print", "reveal", "unlock")
NOUNS = ("filter", "guidelines", "mode", "persona", "policy", "prompt", "rules", "safety", "system")
CONSONANTS, VOWELS = "bdfklmnprstvz", "aeiou"


def write(folder: Path, *, phrases: int = 1_000, regexes: int = 50, seed: int = 1_050) -> None:
    """Write a rules folder: two rules for each phrase and each regex, one for prompts and one for outputs."""
    random = Random(seed)
    matches = [_phrase(random) for _ in range(phrases)] + [_regex(random) for _ in range(regexes)]
    rules = [
        _rule(target, number, match, example)
        for target in ("prompt", "output")
        for number, (match, example) in enumerate(matches)
    ]
    folder.mkdir(parents=True)
    text = yaml.safe_dump(rules, sort_keys=False, width=1_000)
    (folder / "10-load.yaml").write_text(text, encoding="utf-8")


def _rule(target: str, number: int, match: dict[str, Any], example: str) -> dict[str, Any]:
    return {
        "id": f"{target}-{number:04}",
        "title": "A random phrase, for load tests",
        "level": "high",
        "target": target,
        "match": match,
        "action": "block",
        "mode": "enforce",
        "tests": {"match": [example], "no_match": ["The quick brown fox jumps over the lazy dog."]},
    }


def _phrase(random: Random) -> tuple[dict[str, Any], str]:
    words = " ".join(_word(random) for _ in range(random.randint(2, 4)))
    return {"any": [words]}, words


def _regex(random: Random) -> tuple[dict[str, Any], str]:
    verb, word, noun = random.choice(VERBS), _word(random), random.choice(NOUNS)
    pattern = rf"\b{verb}\s+(?:all\s+|any\s+|the\s+)?(?:previous|prior|above|{word})\s+{noun}\b"
    return {"regex": pattern}, f"{verb} the {word} {noun}"


def _word(random: Random) -> str:
    return "".join(random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(random.randint(2, 4)))
