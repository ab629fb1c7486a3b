"""Why a recogniser cannot be had, in two parts, so that one sentence can also say what is used in its place."""

from emotrack.model.errors import UserError


class RecogniserUnavailable(UserError):
    """A recogniser cannot be had. `reason` is a clause without its full stop, `remedy` the clause with what mends it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}.")
        self.reason = reason
        self.remedy = remedy
