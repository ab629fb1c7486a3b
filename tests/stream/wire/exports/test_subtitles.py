"""WebVTT and SubRip, read by webvtt-py: what was said, by whom, when; and the messages themselves."""

import html
import json
import re
from pathlib import Path
from typing import Any

import av
import pytest
import webvtt
from hypothesis import given, settings

from emotrack.stream.wire.exports.fitting import milliseconds, one_line, span
from emotrack.stream.wire.exports.subtitles import NO_WORDS, srt_file, vtt_files
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Emotion, Person
from emotrack.stream.wire.recordings.conversation import Conversation
from helpers.recordings.conversations import awkward, conversations, silent


def captions(conversation: Conversation) -> list[Any]:
    return list(webvtt.from_string(vtt_files(conversation)[".vtt"].decode(), strict=True).captions)


def metadata(conversation: Conversation) -> list[Any]:
    return list(webvtt.from_string(vtt_files(conversation)[".metadata.vtt"].decode(), strict=True).captions)


def subtitles(conversation: Conversation) -> list[Any]:
    return list(webvtt.from_string(webvtt_of(srt_file(conversation)[".srt"].decode())).captions)


def webvtt_of(srt: str) -> str:
    """SubRip as WebVTT: without numbers, with points in times."""
    lines = re.sub(r"(?m)^\d+\n(?=\d+:\d\d:\d\d,\d{3} --> )", "", srt)
    return "WEBVTT\n\n" + re.sub(r"(\d\d),(\d{3})", r"\1.\2", lines)


def times(caption: Any) -> tuple[int, int]:
    return caption.start_time.in_milliseconds(), caption.end_time.in_milliseconds()


def said(utterance: Emotion) -> str:
    return NO_WORDS if utterance.transcript is None else one_line(utterance.transcript.text)


@settings(deadline=None)
@given(conversations())
def test_captions_keep_words_speaker_label_and_times(conversation: Conversation) -> None:
    read = captions(conversation)
    assert [times(one) for one in read] == [span(one.start, one.end) for one in conversation.utterances]
    for caption, utterance in zip(read, conversation.utterances, strict=True):
        assert caption.voice == utterance.speaker.id
        assert caption.identifier == f"utterance-{utterance.utterance}"
        voice, words = re.fullmatch(r"<v\.(\w+) [\w-]+>(.*)</v>", caption.raw_text).groups()  # type: ignore[union-attr]
        assert voice == utterance.label
        assert html.unescape(words) == said(utterance)


@settings(deadline=None)
@given(conversations())
def test_the_metadata_are_the_messages_whole(conversation: Conversation) -> None:
    read = [decode(one.raw_text.encode()) for one in metadata(conversation)]
    assert [one for one in read if isinstance(one, Emotion)] == sorted(
        conversation.utterances, key=lambda one: span(one.start, one.end)
    )


def test_the_metadata_tell_how_people_were_until_they_were_otherwise() -> None:
    talk = awkward()
    read = [(times(one), decode(one.raw_text.encode())) for one in metadata(talk)]
    people = [(when, one) for when, one in read if isinstance(one, Person)]
    assert [one for _, one in people] == list(talk.people)
    assert [when for when, _ in people] == [(1600, 4500), (4500, 7000), (7000, 8000)]
    assert [when for when, _ in read] == sorted(when for when, _ in read)


def test_metadata_mean_the_same_to_who_reads_them_as_markup() -> None:
    for cue in metadata(awkward()):
        assert not set(cue.raw_text) & set("<>&") and cue.raw_text.isascii()
        assert json.loads(cue.raw_text) == json.loads(cue.text)


@settings(deadline=None)
@given(conversations())
def test_subrip_keeps_words_speaker_label_and_times_as_people_read_them(conversation: Conversation) -> None:
    srt = srt_file(conversation)[".srt"].decode()
    blocks = srt.removesuffix("\n").split("\n\n")
    assert len(blocks) == len(conversation.utterances)
    for number, (block, one) in enumerate(zip(blocks, conversation.utterances, strict=True), start=1):
        first, _, text = block.split("\n")
        assert first == str(number)
        shown = said(one).replace("<", "‹").replace(">", "›").replace("{\\", "{ \\")
        assert text == f"{one.speaker.id} ({one.label}): {shown}"
    assert [times(one) for one in subtitles(conversation)] == [
        span(one.start, one.end) for one in conversation.utterances
    ]


def test_webvtt_py_finds_each_utterance_of_subrip_once(tmp_path: Path) -> None:
    (path := tmp_path / "talk.srt").write_bytes(srt_file(awkward())[".srt"])
    read = webvtt.from_srt(str(path))
    assert [one.text.partition(" ")[0] for one in read.captions] == ["spk1", "spk1", "spk2", "spk1"]


@pytest.mark.parametrize(("files", "ending"), [(srt_file, ".srt"), (vtt_files, ".vtt")])
def test_the_library_of_video_players_reads_them(files: Any, ending: str, tmp_path: Path) -> None:
    (path := tmp_path / f"talk{ending}").write_bytes(files(awkward())[ending])
    with av.open(str(path)) as container:
        (stream,) = container.streams
        packets = [one for one in container.demux(stream) if one.size]
        found = [round(1000 * float(one.pts * one.time_base)) for one in packets]
    assert found == [0, 1000, 2000, 3000]


def test_what_was_before_the_beginning_is_at_the_beginning() -> None:
    first = awkward().utterances[0]
    assert first.start < 0 and milliseconds(first.start) == 0
    assert times(captions(awkward())[0]) == (0, 1500)


@pytest.mark.parametrize("ending", [".vtt", ".metadata.vtt"])
def test_a_session_without_speech_is_a_file_without_cues(ending: str) -> None:
    assert webvtt.from_string(vtt_files(silent())[ending].decode(), strict=True).captions == []
    assert srt_file(silent())[".srt"] == b""
