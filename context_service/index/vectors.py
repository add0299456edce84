"""What every backend asks of the vectors it is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from context_service.errors import StoreError
from context_service.index.protocol import Point

LENGTH_TOLERANCE = 1e-3


def stacked(points: Sequence[Point], dimension: int) -> NDArray[np.float32]:
    """The points' vectors, shape (len(points), dimension). Raises StoreError where one has another dimension or is not of unit length."""
    for point in points:
        if point.vector.shape != (dimension,) or not abs(float(np.linalg.norm(point.vector)) - 1) <= LENGTH_TOLERANCE:
            raise StoreError(
                f"The vector of chunk {point.chunk} is not a unit vector of {dimension} numbers.",
                remedy="Check that the configured embedder normalises its vectors, then run `context-service reindex`.",
            )
    return np.array([point.vector for point in points], dtype="<f4").reshape(len(points), dimension)


def question(vector: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """The vector to search with, contiguous. Raises StoreError where it does not fit the index."""
    if vector.shape != (dimension,) or not np.isfinite(vector).all():
        raise StoreError(
            f"The question's vector has shape {vector.shape} or holds no finite numbers; the index holds vectors of {dimension} numbers.",
            remedy="Check the configured embedder; after changing it run `context-service reindex`.",
        )
    return np.ascontiguousarray(vector, dtype=np.float32)
