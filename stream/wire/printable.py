"""Text fit for a terminal, whoever wrote it."""


def plain(text: str) -> str:
    """The text without what could steer a terminal (messages come from elsewhere)."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def clock(seconds: float) -> str:
    """Session time as `mm:ss.s`."""
    tenths = round(max(0.0, seconds) * 10)
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def shorten(text: str, length: int) -> str:
    """The text, cut to `length` letters with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"
