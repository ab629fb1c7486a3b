"""Seconds, shares and numbers as people read them, rounded to what they mean, and text that comes from
elsewhere."""

from collections.abc import Sequence

from emotrack.notify import shorten

JOINERS = "\u200c\u200d"
"""Letters that show nothing and that Persian, Hindi and joined emoji are not written without."""
MINUS = "−"
KEPT = "\u00a0"
"""The space between a number and its unit, at which no line ends."""


def said(text: str, longest: int = 2_000) -> str:
    """Words from elsewhere, without what could steer a page or a terminal, and of a length to read."""
    clean = "".join(letter if letter.isprintable() or letter in JOINERS else " " for letter in text)
    return shorten(clean, longest)


def lasting(seconds: float) -> str:
    """How long, to a second: `0 s`, `< 1 s`, `4 s`, `3 min 20 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole <= 0:
        return f"<{KEPT}1{KEPT}s" if seconds > 0 else f"0{KEPT}s"
    if whole < 60:
        return f"{whole}{KEPT}s"
    if whole < 3600:
        return f"{whole // 60}{KEPT}min {whole % 60:02d}{KEPT}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}{KEPT}h {minutes % 60:02d}{KEPT}min"


def moment(seconds: float) -> str:
    """When: `0:34`, `12:05`, `1:02:05` of session time."""
    whole = int(max(0.0, seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """A share in whole percent; what is more than nothing is never 0 %, what is less than all never 100 %."""
    if 0 < share < 0.005:
        return f"<{KEPT}1{KEPT}%"
    if 0.995 <= share < 1:
        return f">{KEPT}99{KEPT}%"
    return f"{100 * share:.0f}{KEPT}%"


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, typeset; what rounds to nothing is +0, what is not known a dash."""
    return "–" if value is None else f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", MINUS)


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 turn`, `3 turns`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
