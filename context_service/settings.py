"""Settings, each read from the environment as CONTEXT_<NAME> (or a `.env` file beside the configuration)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set. Secrets come from here and from nowhere else."""

    model_config = SettingsConfigDict(env_prefix="CONTEXT_", env_file=".env", extra="ignore", frozen=True)

    config: Path = Field(Path("context.yaml"), description="The company's declaration file; sources and workflows stand beside it.")
    data: Path = Field(Path(".context"), description="Folder of the embedded stores.")
    records_url: str = Field("", description="SQLAlchemy URL of the records; empty means SQLite inside `data`.")
    index_url: str = Field("", description="http(s) URL of a Qdrant server; empty means the embedded index inside `data`.")
    index_api_key: str = Field("", description="API key of the Qdrant server.")
    embedder: str = Field(
        "onnx:all-minilm-l6-v2",
        description="`onnx:<known name or folder>` or `sentence-transformers:<name or folder>`.",
    )
    reranker: str = Field(
        "onnx:ms-marco-minilm-l12-v2",
        description="`onnx:<known name or folder>`, `sentence-transformers:<name or folder>` or `none`.",
    )
    late_interaction: str = Field(
        "onnx:answerai-colbert-small-v1",
        description="Model of the fast rerank tier: `onnx:<known name or folder>` or `none`. Texts are read by it once, at ingest.",
    )
    model_threads: int = Field(2, ge=1, le=64, description="Sessions that embed side by side, one thread each.")
    concurrency: int = Field(4, ge=1, le=64, description="Questions that are answered at the same time; others wait.")
    longest_wait: float = Field(
        1.0,
        gt=0,
        description="Seconds that a question may wait: from a quarter on answers are ranked faster, from a half on they look at less, "
        "beyond it they are refused (429).",
    )
    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8321, ge=0, le=65535, description="Port the service listens on.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    session_secret: str = Field("", description="Key that signs console sessions; empty means a new one at every start.")
    keep_releases: int = Field(10, ge=2, description="Newest releases that are kept, besides pinned ones and those that are read.")
    keep_days: int = Field(30, ge=0, description="Days for which every release is kept.")
    schedule: bool = Field(True, description="Whether `serve` takes part in running the schedule; one process at a time does.")
