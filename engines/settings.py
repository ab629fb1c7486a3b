"""Typed settings of the encoders: which model describes each stream."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EngineSettings(BaseModel):
    """Which encoders run, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoders run; auto takes CUDA where torch finds it."""
    threads: int = Field(1, ge=1, le=256)
    """Processor threads of one network's arithmetic; the worker threads already use several cores."""
    text: str = "all-MiniLM-L6-v2"
    """Sentence encoder: a directory, a package's model, or a name in the hub's cache; `none` leaves text out."""
    audio: Literal["voice", "passt", "none"] = "voice"
    """`voice` is the bundle's own network, `passt` PaSST."""
    passt_weights: str = ""
    """File with PaSST weights; the published ones unless set."""
    face: Literal["expression", "none"] = "expression"
    """`expression` is MTCNN with the bundle's own network."""
    body_weights: Path | None = None
    """YOLO weights (.onnx or .pt); without them bodies are not looked for."""
