"""What is written as a condition, such as `anger > .6 and arousal > 0 for 3s`, read and judged.

    rule       = condition ["for" NUMBER UNIT]              UNIT: ms, s, min, h
    condition  = both {"or" both}
    both       = comparison {"and" comparison}
    comparison = "(" condition ")" | "label" ("==" | "!=") LABEL | NAME ("<" | "<=" | ">" | ">=") NUMBER

NAME is a label, whose score is meant, or confidence, valence or arousal. A grammar of four rules, whose
errors name the place in words of ours, takes less than a parser library would: subscribers install nothing
for it.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emotrack.errors import UserError
from emotrack.notify import plain, shorten
from emotrack.stream.wire.protocol.messages import Person
from emotrack.stream.wire.protocol.vocabulary import LABELS

LONGEST = 1_000
"""Letters of a rule."""
DEEPEST = 50
"""Parentheses within each other."""
LONGEST_FOR = 24 * 3600.0
"""Seconds for which a condition may have to hold."""
AXES = ("confidence", "valence", "arousal")
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number of a person's state against one that was written."""

    name: str
    sign: str
    number: float

    def holds(self, person: Person, margin: float = 0.0) -> bool:
        """Whether it does; `margin` is by how much it may be missed. What is not known holds never."""
        value = getattr(person, self.name) if self.name in AXES else person.scores.get(self.name)
        kinder = self.number - margin if self.sign.startswith(">") else self.number + margin
        return value is not None and COMPARISONS[self.sign](value, kinder)

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.number:g}"


@dataclass(frozen=True, slots=True)
class LabelIs:
    """Whether a person's label is the one that was written."""

    label: str
    equal: bool

    def holds(self, person: Person, margin: float = 0.0) -> bool:
        """Whether it does; a label has no margin, for it is entered and left by thresholds already."""
        return (person.label == self.label) is self.equal

    def __str__(self) -> str:
        return f"label {'==' if self.equal else '!='} {self.label}"


@dataclass(frozen=True, slots=True)
class Several:
    """Conditions of which all have to hold, or one."""

    parts: tuple["Condition", ...]
    every: bool

    def holds(self, person: Person, margin: float = 0.0) -> bool:
        """Whether they do."""
        held = (part.holds(person, margin) for part in self.parts)
        return all(held) if self.every else any(held)

    def __str__(self) -> str:
        texts = [f"({part})" if isinstance(part, Several) else str(part) for part in self.parts]
        return (" and " if self.every else " or ").join(texts)


Condition = Comparison | LabelIs | Several


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and for how long it has to hold, in seconds."""

    condition: Condition
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.condition} for {self.seconds:g}s" if self.seconds else str(self.condition)


class _Token(NamedTuple):
    kind: str
    text: str
    place: int
    """Counted from 1."""


_TOKENS = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+\.?\d*|\.\d+))|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|==|!=|<|>)|(?P<mark>[()])|$)",
    re.ASCII,
)


def parse_rule(text: str, labels: Sequence[str] = LABELS) -> Rule:
    """The rule in `text`; raises `UserError`, with the place, where it is none."""
    if len(text) > LONGEST:
        raise UserError(f"A condition of {len(text)} letters is too long: {LONGEST} at most.")
    reader = _Reader(text, labels)
    condition = reader.condition(0)
    seconds = 0.0
    if reader.takes("for"):
        seconds = reader.duration()
    reader.end()
    return Rule(condition, seconds)


class _Reader:
    """Takes tokens one by one."""

    def __init__(self, text: str, labels: Sequence[str]) -> None:
        self._text = text
        self._labels = labels
        self._tokens = list(_tokens(text))
        self._next = 0

    def condition(self, depth: int) -> Condition:
        return self._several("or", lambda: self._several("and", lambda: self._comparison(depth)))

    def duration(self) -> float:
        number = self._number("a duration, such as 3s")
        unit = self._take("word", "a unit: " + ", ".join(UNITS))
        if unit.text not in UNITS:
            raise self._wrong(unit, "a unit: " + ", ".join(UNITS))
        seconds = float(number.text) * UNITS[unit.text]
        if not 0 <= seconds <= LONGEST_FOR:
            raise self._wrong(number, "a duration of at most a day")
        return seconds

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._wrong(self._token, "and, or, for or the end")

    def takes(self, word: str) -> bool:
        """Whether this word comes next; then it is taken."""
        if self._token.text != word:
            return False
        self._next += 1
        return True

    def _several(self, word: str, read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self.takes(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Several(tuple(parts), every=word == "and")

    def _comparison(self, depth: int) -> Condition:
        if self._token.text == "(":
            if depth == DEEPEST:
                raise self._wrong(self._token, "fewer parentheses within each other")
            self._next += 1
            inner = self.condition(depth + 1)
            if not self.takes(")"):
                raise self._wrong(self._token, "a closing parenthesis")
            return inner
        name = self._take("word", self._names)
        if name.text == "label":
            sign = self._take("sign", "== or !=")
            if sign.text not in ("==", "!="):
                raise self._wrong(sign, "== or !=")
            label = self._take("word", self._listed)
            if label.text not in self._labels:
                raise self._wrong(label, self._listed)
            return LabelIs(label.text, sign.text == "==")
        if name.text not in (*self._labels, *AXES):
            raise self._wrong(name, self._names)
        sign = self._take("sign", "<, <=, > or >=")
        if sign.text not in COMPARISONS:
            raise self._wrong(sign, "<, <=, > or >=")
        return Comparison(name.text, sign.text, float(self._number("a number").text))

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    @property
    def _listed(self) -> str:
        return f"a label: {', '.join(self._labels)}"

    @property
    def _names(self) -> str:
        return f"one of label, {', '.join((*AXES, *self._labels))}"

    def _number(self, wanted: str) -> _Token:
        return self._take("number", wanted)

    def _take(self, kind: str, wanted: str) -> _Token:
        token = self._token
        if token.kind != kind:
            raise self._wrong(token, wanted)
        self._next += 1
        return token

    def _wrong(self, token: _Token, wanted: str) -> UserError:
        there = f"{shorten(token.text, 40)!r}" if token.text else "the end"
        return UserError(
            f"The condition {plain(shorten(self._text, 80))!r} is wrong at letter {token.place}, {there}: "
            f"there must be {wanted}."
        )


def _tokens(text: str) -> Iterator[_Token]:
    """All of a text, then its end; what begins no token is one of its own, which fits nowhere."""
    place = 0
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            yield _Token("other", text[start], start + 1)
            return
        if match.lastgroup is not None:
            yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        place = match.end()
    yield _Token("end", "", len(text) + 1)
