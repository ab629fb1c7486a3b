"""Whether the demonstration shows what it is to show: a label of words, voice and face together."""

from collections.abc import Iterator

import pytest

from emotrack.cli.tracking.demo import Witness
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.parts import ModalityState
from helpers.sessions.sample_messages import emotion, session

TRAINED = ("text", "audio", "face")
PRESENT = ModalityState(present=True, imputed=False, weight=0.3, reason=None)


def label(state: str = "final", **reasons: str) -> Message:
    """A label in which the modalities of `reasons` are masked for them."""
    missing = {
        modality: ModalityState(present=False, imputed=True, weight=0.0, reason=reason)
        for modality, reason in reasons.items()
    }
    return emotion(state=state, modalities={**dict.fromkeys((*TRAINED, "body"), PRESENT), **missing})


def failure(*messages: Message) -> str | None:
    witness = Witness(TRAINED)
    assert list(witness.watch(iter(messages))) == list(messages)
    return witness.failure


def test_one_label_of_everything_that_the_network_knows_is_enough() -> None:
    assert (
        failure(
            session(),
            label(face="camera covered", body="untrained"),
            label(body="untrained"),
            session("ended"),
        )
        is None
    )


def test_what_the_fullest_label_lacked_is_told_with_its_reason() -> None:
    sentence = failure(
        label(text="encoder failed: libgone.so", audio="muted"), label(text="encoder failed: libgone.so")
    )
    assert sentence is not None and "no label was made of text, audio, face together" in sentence
    assert "missing: text (encoder failed: libgone.so)." in sentence and "`emotrack doctor`" in sentence


def test_a_partial_label_is_no_label_and_none_at_all_is_told_too() -> None:
    for messages in ((), (session(), label("partial"))):
        assert "text (nothing was labelled)" in (failure(*messages) or "")


def test_a_demonstration_that_was_left_did_not_fail() -> None:
    witness = Witness(TRAINED)
    next(iter(witness.watch([label(text="no words"), session("ended")])))
    assert witness.failure is None


@pytest.mark.parametrize(
    ("reasons", "code", "sentence"),
    [
        ({"text": "no recogniser"}, 1, "missing: text (no recogniser)"),
        ({"body": "untrained"}, 0, "that was the demo"),
    ],
    ids=["without words", "with everything"],
)
def test_the_demonstration_ends_with_exit_code_1_where_something_is_missing(
    reasons: dict[str, str],
    code: int,
    sentence: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The session is one of two messages; everything else is as it is."""
    from helpers.sessions.commands import emotrack

    class Session:
        def __init__(self, sources: object, settings: object) -> None:
            from emotrack.model.bundle import load_bundle

            self.bundle = load_bundle()

        def messages(self) -> Iterator[Message]:
            yield session()
            yield label(**reasons)

    monkeypatch.setattr("emotrack.tracking.tracker.Tracker", Session)
    done = emotrack(capfd, monkeypatch, "demo", "--plain")
    assert done.code == code and sentence in done.err and "Traceback" not in done.err
