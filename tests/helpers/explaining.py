"""The demonstration clip's final labels with their evidence, tracked once for all that explain them."""

from functools import cache

from emotrack.demo import clip_path
from emotrack.explaining.gathering import gather
from emotrack.stream.observing import Conclusion
from helpers.tracking import settings


@cache
def demonstration() -> dict[int, Conclusion]:
    """By number of the utterance."""
    return {told.utterance: told for told in gather(str(clip_path()), settings(), None, lambda _: None).conclusions}
