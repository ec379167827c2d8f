"""Reading a pattern: the regular expressions that rules may be written in, the same for every engine.

The dialect is the common part of PCRE and Python, with one meaning: letters match in either case (the text is
normalised, and so is the pattern), ``\\w \\d \\s \\b`` are ASCII, ``.`` is anything but a newline, ``^`` and ``$`` are
the beginning and the end of the whole text. What is not in the dialect is refused, never guessed.

An *exact* pattern is one for texts as they are, which are not normalised: its letters match as they are written, or in
either case where it begins with ``(?i)``.
"""

from __future__ import annotations

from typing import NoReturn

from guard.ruleset.characters import DIGIT, EVERY, NEWLINE, SPACE, WORD, Ranges, both_cases, complement, fold, merge
from guard.ruleset.normalise import normalise
from guard.ruleset.syntax import Again, At, Choice, Group, Look, Node, One, Place, Repeat, Sequence, Text, width

LENGTH = 8192  # characters in a pattern
DEPTH = 50  # groups within groups
TIMES = 4096  # largest number in a repeat

SETS: dict[str, Ranges] = {
    "d": DIGIT, "w": WORD, "s": SPACE,
    "D": complement(DIGIT), "W": complement(WORD), "S": complement(SPACE),
}  # fmt: skip
PLACES: dict[str, Place] = {"A": "start", "Z": "end", "z": "end", "b": "boundary", "B": "inside"}
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
HEX_LENGTHS = {"x": 2, "u": 4, "U": 8}
LOOKS = {"(?=": (True, False), "(?!": (True, True), "(?<=": (False, False), "(?<!": (False, True)}


class PatternError(ValueError):
    """A pattern cannot be used; the message says why and, where one is known, at which character."""


def parse(source: str, *, exact: bool = False) -> Node:
    """The tree of a pattern, for normalised texts or, if `exact`, for texts as they are. Raises `PatternError`."""
    if len(source) > LENGTH:
        raise PatternError(f"longer than {LENGTH} characters")
    return _Parser(source, exact=exact).whole()


class _Parser:
    def __init__(self, source: str, *, exact: bool) -> None:
        self.source = source
        self.exact = exact
        self.either_case = False
        self.at = 0
        self.depth = 0
        self.dot = complement(NEWLINE)
        self.groups = 0
        self.closed: set[int] = set()
        self.names: dict[str, int] = {}

    def whole(self) -> Node:
        for flags in ("(?i)", "(?s)", "(?is)", "(?si)"):
            if self.take(flags):
                self.dot = EVERY if "s" in flags else self.dot
                self.either_case = "i" in flags
                break
        tree = self.choice()
        if self.at < len(self.source):
            self.fail("a ')' that nothing opens")
        return tree

    def choice(self) -> Node:
        branches = [self.sequence()]
        while self.take("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            began = self.at
            item = self.atom()
            item = self.repeated(item, began)
            if item == At("start") and any(width(before)[1] != 0 for before in items):
                self.fail("'^' after something else can never match", began)
            items.append(item)
        return self.joined(items)

    def repeated(self, item: Node, began: int) -> Node:
        """`item` with the quantifier that follows it, if one does."""
        bounds = self.quantifier()
        if bounds is None:
            return item
        if isinstance(item, At | Look):
            self.fail("nothing to repeat before the quantifier", began)
        if self.at < len(self.source) and self.source[self.at] == "+":
            self.fail("possessive quantifiers are not supported")
        self.take("?")  # greedy and lazy find a match in the same texts
        if self.quantifier() is not None:
            self.fail("a quantifier after a quantifier")
        if isinstance(item, Text):
            item = self.text(item.characters)
        return Repeat(item, *bounds)

    def quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if not self.source.startswith("{", self.at):
            return None
        inside, brace, _ = self.source[self.at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not brace or not _is_number(low) or (high and not _is_number(high)):
            if brace and comma and not low and _is_number(high):
                self.fail("write {0,n} for {,n}")
            return None
        fewest, most = int(low), int(high) if high else None if comma else int(low)
        if max(fewest, most or 0) > TIMES:
            self.fail(f"a repeat of more than {TIMES}")
        if most is not None and most < fewest:
            self.fail("a repeat whose bounds are the wrong way round")
        self.at += len(inside) + 2
        return fewest, most

    def atom(self) -> Node:
        character = self.next()
        match character:
            case "(":
                return self.group()
            case "[":
                return self.set()
            case "\\":
                return self.escape()
            case ".":
                return One(self.dot)
            case "^":
                return At("start")
            case "$":
                return At("end")
            case "*" | "+" | "?":
                self.fail("nothing to repeat before the quantifier", self.at - 1)
        return Text(character)

    def group(self) -> Node:
        began = self.at - 1
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"more than {DEPTH} groups within groups", began)
        self.at = began
        node = self.opened(began)
        self.depth -= 1
        return node

    def opened(self, began: int) -> Node:
        for sign, (ahead, negative) in LOOKS.items():
            if self.take(sign):
                return Look(self.inside(began), ahead, negative)
        if self.take("(?:"):
            return self.inside(began)
        if self.take("(?P="):
            return self.again(self.name(")"))
        self.take("(")
        name = self.name(">") if self.take("?P<") or self.take("?<") else None
        if self.source.startswith("?", self.at):
            self.fail("this kind of group is not supported (flags may stand only at the very beginning)", began)
        self.groups += 1
        number = self.groups
        if name is not None:
            self.names[name] = number
        item = self.inside(began)
        self.closed.add(number)
        return Group(item, number)

    def inside(self, began: int) -> Node:
        item = self.choice()
        if not self.take(")"):
            self.fail("a '(' that nothing closes", began)
        return item

    def name(self, end: str) -> str:
        name, found, _ = self.source[self.at :].partition(end)
        if not found or not name.isidentifier():
            self.fail("a group's name is letters, digits and '_'")
        self.at += len(name) + 1
        return name

    def again(self, name: str) -> Node:
        number = int(name) if name.isdigit() else self.names.get(name, 0)
        if number not in self.closed:
            self.fail(f"a reference to group '{name}', which is not complete before it")
        return Again(number)

    def escape(self) -> Node:
        began = self.at - 1
        if self.at < len(self.source) and self.source[self.at] in "123456789":
            digits = self.source[self.at : self.at + 2]
            number = digits if digits.isdigit() else digits[0]
            self.at += len(number)
            return self.again(number)
        if self.take("k<"):
            return self.again(self.name(">"))
        if self.at < len(self.source) and self.source[self.at] in PLACES:
            return At(PLACES[self.next()])
        found = self.escaped(began)
        return Text(found) if isinstance(found, str) else One(self.folded(found))

    def escaped(self, began: int) -> str | Ranges:
        """The character, or the set, that an escape stands for, in a set or outside."""
        if self.at >= len(self.source):
            self.fail("a '\\' at the end", began)
        letter = self.next()
        if letter in SETS:
            return SETS[letter]
        if letter in CONTROLS:
            return CONTROLS[letter]
        if letter in HEX_LENGTHS:
            return self.hexadecimal(HEX_LENGTHS[letter], began)
        if letter.isalnum():
            self.fail(f"'\\{letter}' is not supported", began)
        return letter

    def hexadecimal(self, length: int, began: int) -> str:
        if length == 2 and self.take("{"):
            digits, brace, _ = self.source[self.at :].partition("}")
            self.at += len(digits) + len(brace)
        else:
            digits = self.source[self.at : self.at + length].ljust(length, "?")
            self.at += length
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            self.fail("a character number needs hexadecimal digits, at most 10ffff", began)

    def set(self) -> Node:
        began = self.at - 1
        negative = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.source.startswith("]", self.at):
            if self.at >= len(self.source):
                self.fail("a '[' that nothing closes", began)
            ranges.extend(self.member(began))
            first = False
        self.at += 1
        members = self.folded(merge(ranges))
        members = complement(members) if negative else members
        if not members:
            self.fail("a set that no character is in", began)
        return One(members)

    def member(self, began: int) -> Ranges:
        if self.source.startswith(("[:", "[.", "[="), self.at):
            self.fail("named sets such as [[:alpha:]] are not supported")
        low = self.single(began)
        if not isinstance(low, str):
            return low
        if not self.source.startswith("-", self.at) or self.source.startswith("-]", self.at):
            return ((ord(low), ord(low)),)
        self.at += 1
        high = self.single(began)
        if not isinstance(high, str) or high < low:
            self.fail("a range whose ends are the wrong way round or not single characters", began)
        return ((ord(low), ord(high)),)

    def single(self, began: int) -> str | Ranges:
        if self.at >= len(self.source):
            self.fail("a '[' that nothing closes", began)
        character = self.next()
        return self.escaped(self.at - 1) if character == "\\" else character

    def joined(self, items: list[Node]) -> Node:
        """The items in a row, with neighbouring characters made one text."""
        joined: list[Node] = []
        for item in items:
            if isinstance(item, Text) and joined and isinstance(joined[-1], Text):
                joined[-1] = Text(joined[-1].characters + item.characters)
            else:
                joined.append(item)
        folded = [self.text(item.characters) if isinstance(item, Text) else item for item in joined]
        kept = [item for item in folded if item != Text("")]
        return kept[0] if len(kept) == 1 else Sequence(tuple(kept))

    def text(self, characters: str) -> Node:
        """These characters, in the form that they have in the texts that are searched."""
        if not self.exact:
            return Text(normalise(characters))
        if not self.either_case or characters.lower() == characters.upper():
            return Text(characters)
        items = [One(both_cases(((ord(character), ord(character)),))) for character in characters]
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def folded(self, ranges: Ranges) -> Ranges:
        """A set, with the form that each of its characters has in the texts that are searched."""
        if not self.exact:
            return fold(ranges)
        return both_cases(ranges) if self.either_case else ranges

    def next(self) -> str:
        self.at += 1
        return self.source[self.at - 1]

    def take(self, text: str) -> bool:
        found = self.source.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def fail(self, why: str, at: int | None = None) -> NoReturn:
        raise PatternError(f"{why} (character {(self.at if at is None else at) + 1})")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
