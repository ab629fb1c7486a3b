"""An inference backend of one's own, behind the gate: `python examples/own_backend.py` (extra `track`)."""

import torch

from emotrack.engines.backends.backend import DirectBackend
from emotrack.engines.contract.spec import Arrays, Sizes, Spec
from emotrack.engines.encoders.face.detection import face_detection_specs
from emotrack.engines.running.loading import load
from emotrack.engines.running.policy import Policy, policy_of
from emotrack.engines.running.pool import open_cache
from emotrack.engines.settings import EngineSettings
from emotrack.notify import notify


class Runner:
    def __init__(self, spec: Spec) -> None:
        self.spec, self.network, self.memory_bytes = spec, spec.definition.build(), None

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            found = self.network(*(torch.from_numpy(inputs[port.name]) for port in self.spec.inputs))
        return {port.name: one.float().numpy() for port, one in zip(self.spec.outputs, found, strict=True)}


class Bfloat16(DirectBackend):
    name, precisions, optional = "bfloat16-cpu", ("bf16",), ()
    keeps = on_gpu = is_reference = False

    def obstacle(self, spec: Spec) -> str | None:
        return None

    def start(self, spec: Spec) -> Runner:
        return Runner(spec)


settings = EngineSettings(device="cpu")
policy = Policy((Bfloat16(), *policy_of(settings).backends))  # where one is refused, the next is tried
for spec in face_detection_specs():
    engine = load(spec, policy, open_cache(settings, notify), notify).info
    print(engine.network, "on", engine.backend, *(f"({one.backend}: {one.reason})" for one in engine.skipped))
