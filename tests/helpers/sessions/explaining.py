"""The demonstration clip's final labels with their evidence, tracked once for all that explain them."""

from functools import cache

from emotrack.demo import clip_path
from emotrack.explaining.utterances import read_utterances
from emotrack.stream.labels.evidence import LabelledUtterance
from helpers.sessions.tracking import settings


@cache
def demonstration() -> dict[int, LabelledUtterance]:
    """By number of the utterance."""
    return {
        told.utterance: told
        for told in read_utterances(str(clip_path()), settings(), None, lambda _: None).labelled
    }
