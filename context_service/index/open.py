"""From a setting to an index."""

from __future__ import annotations

from pathlib import Path

from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import IndexStore
from context_service.index.qdrant import open_qdrant_index
from context_service.model.base import digest


def open_index(url: str, api_key: str, folder: Path, model_id: str, dimension: int) -> IndexStore:
    """A Qdrant server when `url` names one, else the embedded index in `folder`. Raises StoreError with a remedy.

    Each model has an index of its own, so that vectors of two models never meet.
    """
    name = digest(model_id, length=12)
    if url:
        return open_qdrant_index(url, api_key, dimension, f"context-{name}")
    return open_embedded_index(folder / name, dimension)
