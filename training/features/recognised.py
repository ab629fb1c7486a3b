"""Lines of a script as a speech recogniser writes them down: without a script's marks, and with some words
taken for others.

A network that learns from scripts alone reads their exclamation marks, which no recogniser writes for an even
voice.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from emotrack.errors import UserError

Form = Literal["written", "marked", "plain"]
"""As the script has it; with the commas, full stops and question marks that Whisper writes; words alone, in
lower case."""
FORMS: tuple[Form, Form] = ("marked", "plain")
"""Those of recognisers."""
LOST = 0.25
"""Share of the words that are not heard right of which nothing is written at all."""

_DIRECTION = re.compile(r"\([^)]*\)|\[[^\]]*\]|\*[^*]*\*")
_LENGTHENED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_BROKEN_OFF = re.compile(r"\s*(?:[-–—]{2,}|[–—]|\.{2,}|…|(?<=\s)-(?=\s)|-$)\s*")
_ENDS = re.compile(r"\s*[.!?]*\?[.!?]*|\s*[.!]+")
_NO_MARK = re.compile(r"[^\w',.?!\s]|_")
_WORD = re.compile(r"\w+(?:'\w+)*")
_ALIKE = str.maketrans("cqzvdbgxyhw", "kksftpks   ")
_VOWELS = re.compile(r"[aeiou' ]")
_REPEATED = re.compile(r"(.)\1+")


class HeardWords(BaseModel):
    """What a recogniser wrote for each word that was said to it, as `python -m emotrack.training.spoken
    errors` counts it."""

    heard_as: dict[str, dict[str, int]] = Field(min_length=1)
    """Word in lower case, and how often it was heard as what."""


def read_heard_words(path: Path) -> dict[str, dict[str, int]]:
    """The table in a JSON file; raises `UserError` where there is none."""
    try:
        return HeardWords.model_validate_json(path.read_bytes()).heard_as
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): give the path of a table of heard words."
        ) from None
    except ValidationError:
        raise UserError(
            f"{path} is no table of heard words: make one with python -m emotrack.training.spoken errors."
        ) from None


class Recogniser:
    """Writes lines as a recogniser would that knows the words of some texts."""

    def __init__(self, texts: Iterable[str], heard_as: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """`heard_as`: what a real recogniser wrote for words; those it lacks are taken for words of `texts`
        that sound alike."""
        self._counts = Counter(word for text in texts for word in _WORD.findall(_tidy(text).lower()))
        alike: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._counts):
            alike[_sound(word)].append(word)
        self._alike = dict(alike)
        self._heard_as = heard_as or {}

    def write(
        self, text: str, form: Form, random: np.random.Generator | None = None, errors: float = 0.0
    ) -> str:
        """`text` in one of the forms; the share `errors` of its words is lost or taken for others, drawn from
        `random`."""
        if form == "written":
            return text
        text = _LENGTHENED.sub(self._shortened, _tidy(text))
        if random is not None and errors:
            text = _WORD.sub(
                lambda found: self._misheard(found[0], random) if random.random() < errors else found[0], text
            )
        return _plain(text) if form == "plain" else _marked(text)

    def _shortened(self, found: re.Match[str]) -> str:
        """The letter once, or twice where that makes the commoner word: sooo is so, and seee is see."""
        once, twice = found[1], found[1] * 2
        start, end = found.span()
        word = next(whole for whole in _WORD.finditer(found.string) if whole.start() <= start < whole.end())
        left, right = found.string[word.start() : start], found.string[end : word.end()]
        commoner = self._counts[(left + twice + right).lower()] > self._counts[(left + once + right).lower()]
        return twice if commoner else once

    def _misheard(self, word: str, random: np.random.Generator) -> str:
        """Another word in the place of this one, or nothing."""
        known = word.lower()
        others = {other: count for other, count in self._heard_as.get(known, {}).items() if other != known}
        if not others:
            if random.random() < LOST:
                return ""
            others = {
                other: self._counts[other] for other in self._alike.get(_sound(known), ()) if other != known
            }
        if not others:
            return word
        counts = np.array(list(others.values()), np.float64)
        return str(random.choice(list(others), p=counts / counts.sum()))


def _tidy(text: str) -> str:
    """Without stage directions, with one kind of apostrophe."""
    return _DIRECTION.sub(" ", text.replace("’", "'").replace("‘", "'").replace("`", "'"))


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower().replace("_", " ")))


def _marked(text: str) -> str:
    """Sentences that begin with a capital and end with a full stop or a question mark, and commas between."""
    text = _NO_MARK.sub(" ", _BROKEN_OFF.sub(", ", text.replace(";", ",").replace(":", ",")))
    text = _ENDS.sub(lambda found: "? " if "?" in found[0] else ". ", text)
    sentences = [one.strip(" ,") for one in re.split(r"(?<=[.?]) ", text) if _WORD.search(one)]
    if not sentences:
        return ""
    whole = " ".join(one[0].upper() + one[1:] for one in sentences)
    whole = re.sub(r"[\s,]+([.?])", r"\1", re.sub(r"\s*,[\s,]*", ", ", " ".join(whole.split())))
    return whole if whole[-1] in ".?" else f"{whole}."


def _sound(word: str) -> str:
    """What is left of a word's sound when vowels, doubled letters and voicing are forgotten."""
    first = word[:1] if word[:1] in "aeiou" else ""
    folded = word.replace("ph", "f").replace("ck", "k").replace("th", "t").translate(_ALIKE)
    return first + _REPEATED.sub(r"\1", _VOWELS.sub("", folded))
