"""Names of feeds, and what people are shown of an address."""

import hashlib
import os
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from emotrack.errors import UserError
from emotrack.notify import shorten

LONGEST_NAME = 40
"""Characters; a speaker's name is made of it and something behind."""
LONGEST_TOLD = 200
"""Characters of what is no name or address that a sentence repeats."""


def feed_name(text: str) -> str:
    """`text` with everything but `[A-Za-z0-9_-]` made underscores, at most 40 characters.

    Names without a Latin letter, of which nothing to tell them by would be left, are `feed-` and six
    hexadecimal digits, always the same for a name.
    """
    kept = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:LONGEST_NAME]
    if not re.search("[A-Za-z]", kept) and not text.isascii():
        return f"feed-{hashlib.blake2s(os.fsencode(text), digest_size=3).hexdigest()}"
    return kept or "feed"


def shown(path: str) -> str:
    r"""A path for people to read, also where its bytes are not UTF-8: those are written as `\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def participant(text: str) -> tuple[str | None, str]:
    """`alice=FILE` as the participant's name and the source; a source alone has no name.

    A source that contains `=` itself is one where another character than those of a name stands before it, as
    in a URL. Raises `UserError` where what stands before it can only be meant as a name, and is none.
    """
    name, equals, source = text.partition("=")
    if not equals or re.search(r"[:/\\+]", name):
        return None, text
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError(
            f"{shorten(name, LONGEST_TOLD)!r} is no name for a participant, and there is no file "
            f"{shorten(text, LONGEST_TOLD)!r}; write NAME=SOURCE with "
            f"a name of a to z, A to Z, digits, _ and -, of {LONGEST_NAME} letters at most."
        )
    return name, source


def unique_names(names: list[str], given: Collection[str] = ()) -> list[str]:
    """The same names, the second of a kind with `-2` behind it and so on; those `given` to others are
    taken."""
    taken = set(given)
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def split_url(text: str) -> SplitResult:
    """Parts of a URL; raises `UserError` where it is none."""
    try:
        parts = urlsplit(text)
        text.encode("utf-8")  # it is no path, which may be of any bytes
        (parts.hostname or "").encode("idna")
        _ = parts.port  # looked at only when asked for
    except ValueError as error:
        cause = (
            "it has letters or labels that no address can have"
            if isinstance(error, UnicodeError)
            else shorten(str(error), LONGEST_TOLD)
        )
        raise UserError(f"the address cannot be read ({cause}); write scheme://host:port/path.") from None
    return parts


def without_credentials(url: str) -> str:
    """The URL without user, password and query, which may carry a token."""
    parts = split_url(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")
