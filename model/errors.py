"""The one error that a user can cause and mend, and what other errors are called in such a sentence."""


class UserError(Exception):
    """A mistake in what the user gave or has installed; the text is one sentence naming the cause and the fix."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, as part of a sentence: its first line without a full stop, or the name of its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
