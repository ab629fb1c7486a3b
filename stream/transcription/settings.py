"""Settings of transcription."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TranscriptionSettings(BaseModel):
    """Which recogniser turns speech into text, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recogniser: Literal["auto", "whisper", "pocketsphinx", "none"] = Field(
        "auto",
        description="auto: Whisper where its weights are at hand, else PocketSphinx where installed, else no text",
    )
    model: str = Field("base", min_length=1, description="Whisper: a size, a hub id, or a directory converted to CTranslate2")
    download: bool = Field(False, description="Whisper: fetch weights that are not on this machine from the model hub")
    language: str | None = Field(None, description="Whisper: language spoken, such as en; detected when not set")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Whisper: where it runs")
    compute_type: str = Field("auto", description="Whisper: auto is int8 on cpu and float16 on cuda, else float32")
    threads: int | None = Field(
        None, ge=1, description="Whisper: processor threads of a worker; as many as tracking leaves, at most 4, when not set"
    )
    workers: int = Field(1, ge=1, description="Whisper: utterances transcribed at once, of all sessions with the same model")
    decoders: int = Field(4, ge=1, description="PocketSphinx: utterances decoded at once (90 MB each); more wait")
