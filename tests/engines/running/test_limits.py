"""What live tracking can ask of an engine at most is what the engine takes."""

from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.engines.encoders.text.reading import MAXIMUM_TOKENS
from emotrack.engines.heads import utterance_spec
from emotrack.engines.networks.passages import WORDS
from emotrack.model.bundle import load_bundle
from emotrack.model.formats import VOICE_HOP, VOICE_RATE, VOICE_WINDOW
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.utterances.appearance import MAXIMUM_TOKENS as MAXIMUM_SIGHTS


def test_the_longest_utterance_fits_into_the_network() -> None:
    axes = utterance_spec(load_bundle()).axes
    assert axes["words"].maximum >= max(WORDS + 1, MAXIMUM_TOKENS)
    assert axes["faces"].maximum >= MAXIMUM_SIGHTS and axes["bodies"].maximum >= MAXIMUM_SIGHTS
    (longest,) = (
        bound.le for bound in SegmentationSettings.model_fields["maximum"].metadata if hasattr(bound, "le")
    )
    settings = SegmentationSettings(maximum=longest)
    rule = SegmentRule.seconds(VOICE_RATE, VOICE_WINDOW, VOICE_HOP)
    samples = round((longest + settings.pre_roll + settings.hangover + 1) * VOICE_RATE)
    assert rule.complete(samples) + 1 <= axes["segments"].maximum
