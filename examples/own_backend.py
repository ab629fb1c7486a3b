"""An inference backend of one's own, behind the gate: `python examples/own_backend.py` (extra `track`)."""

import torch

from emotrack import Emotion, Tracker
from emotrack.demo import clip_path
from emotrack.engines.backends.backend import DirectBackend
from emotrack.engines.contract.spec import Arrays, Sizes, Spec
from emotrack.settings import load_settings


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
        return None if spec.name.startswith("face-") else "it is for finding faces"

    def start(self, spec: Spec) -> Runner:
        return Runner(spec)


settings = load_settings(overrides=["stream.publish.endpoint=none"])
with Tracker([str(clip_path())], settings, realtime=False, backends=[Bfloat16()]) as tracker:
    for engine in tracker.engines:  # where one's own is refused, emotrack's are tried
        refused = [f"({one.backend}: {one.reason})" for one in engine.skipped if "bfloat16" in one.backend]
        print(engine.network, "on", engine.backend, *refused)
    for message in tracker.messages():
        if isinstance(message, Emotion) and message.state == "final":
            print(message.transcript and message.transcript.text, "→", message.label)
