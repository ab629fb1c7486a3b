"""Words read in the light of what was said before them in the session: which lines, whose, and that only the
events decide."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.text.encoder import TextEncoder
from emotrack.engines.networks.passages import DialogueLine
from emotrack.engines.open import Encoders
from emotrack.modalities import Modality
from emotrack.model.batch import collate
from emotrack.model.network import pad_dialogues
from emotrack.stream.hearing.audio import AudioBlock
from emotrack.stream.labels.conversation import Conversation, TextContext
from emotrack.stream.labels.describer import Describer
from emotrack.stream.labels.fusing import Labeller
from emotrack.stream.labels.waiting.ended import RecogniserWatch
from emotrack.stream.labels.waiting.patience import Patience
from emotrack.stream.seeing.sightings import Sightings
from emotrack.stream.session.loop import Loop
from emotrack.stream.sources.media import Source
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.protocol.messages import Emotion, Message
from helpers.media.clips import RechunkedSource
from helpers.media.scripted import LoudnessVad, Recogniser, Scripted, cheap, sound, up
from helpers.networks.sentences import adapted, save_sentence_encoder
from helpers.sessions.tracking import Workbench, emotions, without_timing

pytestmark = pytest.mark.xdist_group("text context")
HUSH = 1e-3
Tokens = dict[Modality, np.ndarray]
BACK = 3
"""Lines that the encoder of these tests reads along."""
REVISABLE = 3
"""Utterances back to which words may come late."""


class Listener:
    """An encoder that remembers with what it read each text last."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.name, self.dim, self.context, self.languages = (
            encoder.name,
            encoder.dim,
            encoder.context,
            encoder.languages,
        )
        self.read: dict[str, TextContext] = {}

    def encode(self, text: str, speaker: int = 0, before: Sequence[DialogueLine] = ()) -> np.ndarray:
        self.read[text] = TextContext(speaker, tuple(before))
        return self._encoder.encode(text, speaker, before)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """As wide as the shipped bundle's network takes it."""
    folder = tmp_path_factory.mktemp("reader")
    return adapted(folder, str(save_sentence_encoder(folder / "model", width=384)), utterances=BACK)


@pytest.fixture
def listener(reader: TextEncoder) -> Listener:
    return Listener(reader)


@pytest.fixture
def encoders(workbench: Workbench, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Encoders:
    """Everything loud is speech, words come from `Recogniser` and are read by `listener`."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    monkeypatch.setattr(workbench, "transcriber", Recogniser())
    return replace(cheap(workbench.encoders), text=listener)  # type: ignore[arg-type]  # stands in


def two_feeds() -> list[Source]:
    """Two people who fall into each other's words."""
    one = ((0.3, HUSH), (0.7, 0.2), (0.9, HUSH), (1.1, 0.2), (0.8, HUSH), (0.5, 0.2), (0.8, HUSH))
    other = ((0.5, HUSH), (0.8, 0.2), (0.8, HUSH), (0.6, 0.2), (0.7, HUSH), (0.9, 0.2), (0.8, HUSH))
    return [
        Scripted(name, [*up("audio"), *sound(*parts)]) for name, parts in (("one", one), ("other", other))
    ]


def one_feed(*seconds: float) -> list[Source]:
    """One utterance after the other, each as long as said."""
    parts = [part for length in seconds for part in ((length, 0.2), (0.8, HUSH))]
    return [Scripted("line", [*up("audio"), *sound((0.3, HUSH), *parts)])]


def lines_of(finals: Sequence[Emotion]) -> list[DialogueLine]:
    """What was said in the order of the labels, speakers numbered as they appear."""
    numbers: dict[str, int] = {}
    said = [(numbers.setdefault(final.speaker.id, len(numbers)), final.transcript) for final in finals]
    return [DialogueLine(number, transcript.text) for number, transcript in said if transcript is not None]


def contexts(lines: Sequence[DialogueLine]) -> dict[str, TextContext]:
    """With what each line has to be read."""
    return {
        line.text: TextContext(line.speaker, tuple(lines[max(0, at - BACK) : at]))
        for at, line in enumerate(lines)
    }


def test_two_feeds_are_read_as_one_dialogue(
    workbench: Workbench, encoders: Encoders, listener: Listener, reader: TextEncoder
) -> None:
    finals = emotions(workbench.track(two_feeds(), "stream.modalities=[text]", encoders=encoders), "final")
    lines, network = lines_of(finals), workbench.bundle.network
    assert len(lines) == 6 and {line.speaker for line in lines} == {0, 1} and len(set(listener.read)) == 6
    assert listener.read == contexts(lines)
    with torch.inference_mode():
        tokens: list[Tokens] = [{"text": found} for found in reader.encode_dialogue(lines)]
        fusion = network.fuse(collate(tokens, workbench.bundle.configuration.widths))
        padded, valid = pad_dialogues(fusion.said, [len(lines)])
        speakers = torch.tensor([[line.speaker for line in lines]])
        live_logits = network.forward_dialogues(padded, speakers, valid).live[0]
        offline = network.probabilities(live_logits, fusion.modes).numpy()
    live = np.array([list(final.scores.values()) for final in finals])
    assert np.abs(live - offline).max() < 2e-4  # four digits in the messages


def test_twenty_chunkings_of_two_feeds_give_one_set_of_labels(
    workbench: Workbench, encoders: Encoders
) -> None:
    def run(seed: int) -> list[dict[str, object]]:
        sources = [RechunkedSource(source, seed) for source in two_feeds()]
        messages = workbench.track(sources, "stream.labels.partial_interval=60", encoders=encoders)
        return without_timing(emotions(messages, "final"))

    runs = [run(seed) for seed in range(20)]
    assert len(runs[0]) == 6
    assert all(other == runs[0] for other in runs)


def test_at_its_own_pace_each_line_is_finally_read_with_what_was_committed(
    workbench: Workbench, encoders: Encoders, listener: Listener
) -> None:
    """Answers are speculated while the other feed's utterance is still to be committed."""
    finals = emotions(workbench.track(two_feeds(), realtime=True, encoders=encoders), "final")
    lines = lines_of(finals)
    assert len(lines) == 6
    expected = contexts(lines)
    assert {text: listener.read[text] for text in expected} == expected


class OneAfterAll:
    """Says at the third utterance that its first two speakers are one; the fourth is somebody else's."""

    def __init__(self) -> None:
        self._said = 0

    voices = None

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        self._said += 1
        alias = [SpeakerEvent("alias", "spk2", "spk1", 0.9)] if self._said == 3 else []
        return AssignedSpeaker({2: "spk2", 4: "spk3"}.get(self._said, "spk1"), 1.0), alias

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        return AssignedSpeaker("spk2", 0.5)


def test_speakers_who_are_one_get_one_number(
    workbench: Workbench, encoders: Encoders, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "emotrack.stream.labels.conversations.make_assigners", lambda settings, count, people: [OneAfterAll()]
    )
    finals = emotions(workbench.track(one_feed(0.5, 0.6, 0.7, 0.8), encoders=encoders), "final")
    first, second, third, fourth = (final.transcript.text for final in finals if final.transcript is not None)
    assert listener.read == {
        first: TextContext(0, ()),
        second: TextContext(1, (DialogueLine(0, first),)),
        third: TextContext(0, (DialogueLine(0, first), DialogueLine(0, second))),
        fourth: TextContext(2, (DialogueLine(0, first), DialogueLine(0, second), DialogueLine(0, third))),
    }


def test_what_was_said_while_the_user_wanted_no_text_is_never_read(
    workbench: Workbench, encoders: Encoders, listener: Listener
) -> None:
    def react(loop: Loop, message: Message) -> None:
        if isinstance(message, Emotion) and message.state == "final":
            loop.set_modalities(("audio",) if message.utterance == 2 else ("text", "audio"))

    finals = emotions(workbench.track(one_feed(0.5, 0.6, 0.7, 0.8), encoders=encoders, react=react), "final")
    lines = lines_of(finals)
    assert [final.transcript is None for final in finals] == [False, False, True, False]
    assert listener.read == contexts(lines)


@pytest.fixture
def describer(workbench: Workbench, listener: Listener) -> Describer:
    """Answers to what one feed without pictures says."""
    encoders = replace(workbench.encoders, text=listener)  # type: ignore[arg-type]  # stands in
    labeller = Labeller(workbench.bundle, workbench.heads, lambda _: None)
    vision = SimpleNamespace(sheds_bodies=False)
    watch = RecogniserWatch(5.0, None)
    return Describer(
        {0: Sightings()},
        vision,  # type: ignore[arg-type]  # stands in
        encoders,
        labeller,
        watch,
        Patience(5.0),
        ("text", "audio"),
        wordless="no recogniser",
        patient=True,
    )


def spoken(text: str) -> Utterance:
    transcript: Future[Transcript] = Future()
    transcript.set_result(Transcript(text, "en", "words", None))
    blocks = [AudioBlock(0, 0.0, np.zeros(1_024, np.float32), np.zeros(512, np.float32))]
    return Utterance(1, 0, 0.0, blocks=blocks, transcript=transcript)


def test_an_early_answer_stands_until_something_is_said_in_between(describer: Describer) -> None:
    utterance = spoken("are you coming")
    early = describer.conclusive(utterance, "anna")
    describer.early.put(utterance, early)
    assert describer.conclusive(utterance, "anna") is early
    describer.conversation.commit("bert", None)
    describer.conversation.commit("bert", "never !")
    late = describer.conclusive(utterance, "anna")
    fresh = describer.conclusive(spoken("are you coming"), "anna")
    assert late.evidence.context == fresh.evidence.context == TextContext(1, (DialogueLine(0, "never !"),))
    assert np.array_equal(late.row, fresh.row) and not np.array_equal(late.row, early.row)
    assert describer.conclusive(utterance, "bert").evidence.context.speaker == 0
    assert late.encode_ms > early.encode_ms


def test_an_early_answer_without_words_stands_whatever_is_said(describer: Describer) -> None:
    utterance = spoken("")
    early = describer.conclusive(utterance, "anna")
    describer.early.put(utterance, early)
    describer.conversation.commit("bert", "never !")
    assert describer.conclusive(utterance, "anna") is early


NAMES = st.sampled_from("abcdef")
EVENTS = st.lists(
    st.tuples(st.just("said"), NAMES, st.sampled_from([None, "no", "so"]))
    | st.tuples(st.just("one"), NAMES, NAMES)
    | st.tuples(st.just("late"), st.integers(0, REVISABLE), st.sampled_from(["oh", "hm"]))
)


@given(EVENTS, st.integers(0, 4), NAMES)
def test_a_conversation_is_its_newest_lines_by_numbered_speakers(
    events: list[tuple[str, Any, Any]], length: int, speaker: str
) -> None:
    """Wherever words come late: they stand where they were said, and are read with what was there before
    them."""
    conversation = Conversation(length, REVISABLE)
    said: list[tuple[str, str | None]] = []
    heard: list[str] = []
    numbers: dict[str, str] = {}

    def context(name: str, before: list[tuple[str, str | None]]) -> TextContext:
        if length == 0:
            return TextContext()
        lines = [
            DialogueLine(heard.index(numbers.get(one, one)), words)
            for one, words in before
            if words is not None
        ]
        known = heard.index(numbers.get(name, name)) if name in heard else len(heard)
        return TextContext(known, tuple(lines[-length:]))

    for kind, name, other in events:
        if kind == "said":
            assert conversation.commit(name, other) == len(said) + 1
            said.append((name, other))
            heard += [name] if name not in heard else []
        elif kind == "late":
            place = len(said) - name
            if place > 0 and said[place - 1][1] is None:
                by = said[place - 1][0]
                assert conversation.around(by, place) == context(by, said[: place - 1])
                conversation.insert(place, by, other)
                said[place - 1] = by, other
        elif name in heard and other in heard:  # only who was heard can turn out to be somebody who was heard
            conversation.merge(name, other)
            gone, kept = numbers.get(name, name), numbers.get(other, other)
            numbers = {one: kept if numbers.get(one, one) == gone else numbers.get(one, one) for one in heard}
    assert conversation.around(speaker) == context(speaker, said)
