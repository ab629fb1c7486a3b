"""A session on the disk, so that another process may go on with it, however the first one ended.

Its folder holds the journal of what was published, and all that decides what is said next as it was after
the newest final label. A session whose media are there again is gone through once more, silently, up to
there: what was heard and seen of them is computed anew, what was labelled is not. One that is live goes on
where the clock is now.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from emotrack.errors import UserError
from emotrack.files import alone_in
from emotrack.stream.labels.kept import KeptConversations
from emotrack.stream.people.people import KeptPeople
from emotrack.stream.session import packed
from emotrack.stream.settings import StreamSettings
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.wire.protocol.encoding import IDENTIFIER
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.publish.journal import BEFORE, NAME, Published, read_journal

VERSION = 1
STATE = "state"


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be the same for whoever goes on."""

    bundle: str
    """Identifier of what labels it."""
    feeds: tuple[str, ...]
    ordered: bool
    """Whether the media are files that are read as fast as can be."""
    settings: str
    """Digest of what decides the labels."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """A session at rest."""

    kind: Kind
    start_unix_ns: int
    taken: int
    """Arrivals that were taken."""
    moment: float
    """Session time."""
    tracks: tuple[int, ...]
    """The face of each feed that was numbered last."""
    conversations: KeptConversations
    people: KeptPeople


class KeptSession:
    """The folder of one session, which is nobody else's as long as this lives; see `open_kept`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.state = packed.read(folder / STATE, "session", VERSION, KeptState)
            """What to go on from, as it was found."""
        except UserError as error:
            why = str(error).removesuffix(": begin a new one.").rstrip(".")
            raise UserError(f"{why}: delete {folder} to begin it anew, or go on by another name.") from None
        self.published: Published = read_journal(folder)
        """What was published so far."""

    @property
    def begun(self) -> int:
        """Utterances that have begun, as far as anybody was told."""
        told = [one.message for one in (*self.published.held, *self.published.messages)]
        known = 0 if self.state is None else self.state.conversations.numbers.begun
        return max([known, *(message.utterance for message in told if isinstance(message, Emotion))])

    def check(self, kind: Kind) -> None:
        """Raise `UserError` where what is to go on is not what has begun."""
        if self.state is None or (before := self.state.kind) == kind:
            return
        wrong = next(
            what
            for what, differs in (
                ("another bundle", before.bundle != kind.bundle),
                (f"other sources ({', '.join(before.feeds)})", before.feeds != kind.feeds),
                ("--fast" if before.ordered else "live sources", before.ordered != kind.ordered),
                ("other settings", True),
            )
            if differs
        )
        raise UserError(
            f"The session {self.folder.name} was begun with {wrong}: give the same, or go on by another name "
            f"(to forget it, delete {self.folder})."
        )

    def clock(self, *, ordered: bool) -> SessionClock:
        """The session's clock, which goes on from its beginning."""
        if self.state is None:
            return SessionClock()
        began, now = self.state.start_unix_ns, time.monotonic_ns()
        if ordered:
            return SessionClock(began, now)
        # However the machine's clock was set meanwhile, the session's never goes back.
        last = max(self.state.moment, self.published.moment)
        passed = max(time.time_ns() - began, int(last * 1e9) + 1)
        return SessionClock(began, now - passed)

    def save(self, state: KeptState) -> None:
        """From now on this is gone on from. Raises OSError."""
        packed.write(self.folder / STATE, packed.pack("session", VERSION, state))

    def clear(self) -> None:
        """The session is over: nobody goes on with it."""
        for name in (STATE, packed.before(Path(STATE)).name, NAME, BEFORE):
            (self.folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def open_kept(name: str, folder: Path | None = None) -> Iterator[KeptSession]:
    """The session of this name, in the folder of all that are kept unless another is given; a new one where
    none is there.

    Raises `UserError` for a name that is none, for one that another process tracks, and where it is damaged.
    """
    if not IDENTIFIER.fullmatch(name):
        raise UserError(f"A session cannot be named {name!r}: take letters, digits, _ and -, at most 128.")
    folder = (folder or user_state_path("emotrack", appauthor=False) / "sessions") / name
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"The session cannot be kept in {folder} ({error.strerror}).") from None
        stack.enter_context(alone_in(folder))
        yield KeptSession(folder)


def kind_of(settings: StreamSettings, bundle: str, feeds: tuple[str, ...], *, ordered: bool) -> Kind:
    """What a session with these settings is."""
    # A live session may be tuned between two runs; one over files would no longer be the same one.
    deciding = (
        settings.model_dump_json(exclude={"publish"})
        if ordered
        else f"{settings.speakers.mode} {settings.speakers.conversations}"
    )
    return Kind(bundle, feeds, ordered, hashlib.sha256(deciding.encode()).hexdigest())
