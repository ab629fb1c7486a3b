"""The one error that a user can cause and mend."""


class UserError(Exception):
    """A mistake in what the user gave or has installed; the text is one sentence naming the cause and the fix."""
