"""Typed settings of the encoders: which model describes each modality, and what runs it."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from emotrack.section import Section

BackendName = Literal["tensorrt", "inductor-cuda-graph", "cuda-graph", "eager-cuda", "onnx-cpu", "eager-cpu"]


class EngineSettings(Section):
    """Which encoders run, and where."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the networks run. auto takes a GPU where there is one; cuda does not begin without one."""
    backend: Literal["auto", BackendName] = "auto"
    """What runs them; auto takes the first that can, named ones are taken or tracking does not begin."""
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    """How exact the arithmetic is; int8 must be asked for, and is refused for networks whose answers it
    changes."""
    threads: int = Field(1, ge=1, le=256)
    """Processor threads of one network's arithmetic; the worker threads already use several cores."""
    pack: Path | None = None
    """Engine pack to run, made by `emotrack engines pack`: it has everything that is needed, and nothing is
    compiled."""
    cache: Path | None = None
    """Folder of compiled engines; the user's cache folder unless set."""
    cache_gigabytes: float = Field(8.0, gt=0)
    """What compiled engines may take on the disk; those not used for longest go first."""
    batch_delay_ms: float = Field(0.0, ge=0, le=100)
    """How long a network waits for work of other sessions to do it together; at 0 it takes what is
    waiting."""
    text: str = "all-MiniLM-L6-v2"
    """Sentence encoder: a directory, a package's model, or a name in the hub's cache; `none` leaves text
    out."""
    audio: Literal["voice", "passt", "none"] = "voice"
    """`voice` is the bundle's own network, `passt` PaSST."""
    passt_weights: str = ""
    """File with PaSST weights; the published ones unless set."""
    face: Literal["expression", "hidden", "none"] = "expression"
    """`expression` is MTCNN with the bundle's own network; `hidden` finds faces only to make them
    unrecognisable before bodies are looked for: people are seen by those alone."""
    face_identity: Path | None = None
    """Weights of facenet-pytorch's InceptionResnetV1 (.pt), by which enrolled people are known; those in
    torch's cache unless set. They are loaded only where somebody is enrolled by their face."""
    body_weights: Path | None = None
    """YOLO weights (.onnx or .pt); without them bodies are not looked for."""
