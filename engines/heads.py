"""The bundle's own network as engines: what fuses an utterance, and what follows the dialogue."""

from dataclasses import dataclass

from emotrack.engines.context import ContextEngines, reviser_spec, step_spec
from emotrack.engines.engine import EngineInfo
from emotrack.engines.pool import EnginePool
from emotrack.engines.utterance import UtteranceFusion, utterance_spec
from emotrack.model.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Heads:
    """Shared by all sessions with the same bundle; the state of each session is its own."""

    fusion: UtteranceFusion
    context: ContextEngines
    engines: tuple[EngineInfo, ...]


def open_heads(pool: EnginePool, bundle: Bundle) -> Heads:
    """Raises `UserError` where the weights do not fit the bundle's configuration, or nothing can run them as asked for."""
    utterance, step, reviser = (pool.engine(spec(bundle)) for spec in (utterance_spec, step_spec, reviser_spec))
    return Heads(
        UtteranceFusion(utterance, bundle),
        ContextEngines(step, reviser, bundle.configuration),
        (utterance.info, step.info, reviser.info),
    )
