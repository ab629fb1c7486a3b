"""Keeps a session while it goes on, and goes on with one that was kept."""

from collections.abc import Sequence

from emotrack.errors import UserError
from emotrack.stream.labels.conversations import Conversations
from emotrack.stream.labels.troubles import Troubles
from emotrack.stream.people.people import People
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.session.kept import KeptSession, KeptState, Kind
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.utterances.feed import TrackedFeed
from emotrack.stream.wire.publish.outbox import Outbox


class Keeping:
    """Owned by the loop. In an ordered session that is gone on with it lets nothing out until the loop has
    taken what was taken before; then everything is as it was."""

    def __init__(
        self,
        kept: KeptSession,
        kind: Kind,
        outbox: Outbox,
        feeds: Sequence[TrackedFeed],
        vision: Vision,
        conversations: Conversations,
        people: People,
        troubles: Troubles,
    ) -> None:
        """Raises `UserError` where `kept` was begun as something else than this `kind`."""
        kept.check(kind)
        self._kept = kept
        self._kind = kind
        self._outbox = outbox
        self._feeds = feeds
        self._vision = vision
        self._conversations = conversations
        self._people = people
        self._troubles = troubles
        self._before = kept.state
        self._start_unix_ns = 0
        self._taken = 0
        self._saved = 0
        """Final labels when the session was saved last."""
        self.begun = 0 if kind.ordered else kept.begun
        """Utterances that had begun before those that begin now."""
        outbox.go_on(kept.published.seq, kept.published.topics)

    @property
    def clock(self) -> SessionClock:
        """The session's clock."""
        return self._kept.clock(ordered=self._kind.ordered)

    @property
    def goes_on(self) -> bool:
        """Whether the session was begun by an earlier process."""
        return self._before is not None

    def begin(self, clock: SessionClock) -> None:
        """The session has said that it begins, or goes on. Raises `UserError` where what was kept does not
        go with it."""
        self._start_unix_ns = clock.start_unix_ns
        before = self._before
        if before is None:
            self._save(0.0)
        elif not self._kind.ordered:
            self._restore(before, again=False)
            self._vision.count_from(before.tracks)
            self._tell_gap(before, clock.now())
        elif before.taken:
            self._conversations.pass_over(before.conversations.numbers)
            self._outbox.silent = True
        else:
            self._restore(before, again=True)

    def took(self, now: float) -> None:
        """The loop has taken one thing more and seen to all that came of it, at session time `now`."""
        self._taken += 1
        if self._outbox.silent:
            assert self._before is not None
            if self._taken == self._before.taken:
                self._outbox.silent = False
                self._restore(self._before, again=True)
            return
        self.keep(now)

    def keep(self, now: float) -> None:
        """Save the session, if there are new final labels."""
        if not self._outbox.silent and self._labelled != self._saved:
            self._save(now)

    def finish(self, now: float, *, stopped: bool) -> None:
        """Nothing more will come. What a stop cuts short is said in full by whoever goes on with the same
        media. Raises `UserError` where they ended before what was tracked of them."""
        if self._outbox.silent:
            self._outbox.silent = False
            if not stopped:
                raise UserError(
                    f"The session {self._kept.folder.name} was tracked further than these sources go: give "
                    "those that it was begun with."
                )
        elif not (stopped and self._kind.ordered):
            self.keep(now)

    def clear(self) -> None:
        """The session is over."""
        self._kept.clear()

    @property
    def _labelled(self) -> int:
        return sum(feed.summary.labels for feed in self._feeds)

    def _restore(self, state: KeptState, *, again: bool) -> None:
        self._conversations.restore(state.conversations, heard_again=again)
        self._people.restore(state.people, seen_again=again)
        self._saved = self._labelled

    def _save(self, now: float) -> None:
        begun = max([self.begun, *(feed.numbered for feed in self._feeds)])
        state = KeptState(
            self._kind,
            self._start_unix_ns,
            self._taken,
            now,
            self._vision.tracks,
            self._conversations.snapshot(begun),
            self._people.snapshot(),
        )
        try:
            self._kept.save(state)
        except OSError as failure:
            self._troubles.failed("keeping", None, failure, now)
        else:
            self._troubles.worked("keeping", None)
        self._saved = self._labelled

    def _tell_gap(self, before: KeptState, now: float) -> None:
        known = before.conversations.numbers
        lost = [number for number in range(1, self.begun + 1) if number not in known]
        sentence = f"Tracking was interrupted after {before.moment:.0f} s and goes on at {now:.0f} s"
        if lost:
            names = ", ".join(map(str, lost[-20:]))
            sentence += f"; utterances without a final label: {names}"
        self._troubles.tell(f"{sentence}.", None, now)
