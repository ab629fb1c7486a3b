"""Names of feeds, and what people are shown of an address."""

import re
from urllib.parse import SplitResult, urlsplit

from emotrack.model.errors import UserError


def feed_name(text: str) -> str:
    """`text` with everything but `[A-Za-z0-9_-]` made underscores, at most 40 characters."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:40] or "feed"


def unique_names(names: list[str]) -> list[str]:
    """The same names, the second of a kind with `-2` behind it and so on."""
    taken: set[str] = set()
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
        return urlsplit(text)
    except ValueError as error:
        raise UserError(f"the address cannot be read ({error}); write scheme://host:port/path.") from None


def without_credentials(url: str) -> str:
    """The URL without user, password and query, which may carry a token."""
    parts = split_url(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")
