"""Settings of transcription."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TranscriptionSettings(BaseModel):
    """Which recogniser turns speech into text, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recogniser: Literal["whisper", "none"] = Field(
        "whisper", description="none: no text, as where Whisper's weights are not at hand"
    )
    model: str = Field(
        "tiny.en",
        min_length=1,
        description="a size (tiny.en and base travel in packages), a hub id, or a directory converted to CTranslate2",
    )
    download: bool = Field(False, description="fetch weights that are not on this machine from the model hub")
    language: str | None = Field(None, description="language spoken, such as en; detected by a model of many when not set")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where Whisper runs")
    compute_type: str = Field("auto", description="auto is int8 on cpu and float16 on cuda, else float32")
    threads: int | None = Field(
        None, ge=1, description="processor threads of a worker; as many as tracking leaves, at most 4, when not set"
    )
    workers: int = Field(1, ge=1, description="utterances transcribed at once, of all sessions with the same model")
