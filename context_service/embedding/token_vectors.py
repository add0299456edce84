"""Texts as small sets of small vectors, and late interaction: how much a question's tokens find of themselves in a text's.

Khattab and Zaharia: ColBERT, SIGIR 2020. What is kept of a text was measured: docs/decisions/0008-rerank-tiers.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST = 7
"""Largest code of a kept vector, which has four bits a dimension and a scale."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TokenVectors:
    """Unit vectors as whole numbers: `codes` (vectors, dimensions) times `scales` (vectors)."""

    codes: NDArray[np.int8]
    scales: Floats

    @classmethod
    def of(cls, vectors: Floats, largest: int = LARGEST) -> TokenVectors:
        """The nearest to `vectors` with codes up to `largest`. Scales have 16 bits, as they are kept."""
        exact = np.abs(vectors).max(axis=1, initial=1e-4) / largest
        scales = exact.astype(np.float16).astype(np.float32)
        codes = np.clip(np.rint(vectors / scales[:, None]), -largest, largest)
        return cls(codes.astype(np.int8), scales)

    def pack(self) -> bytes:
        """Two codes a byte after the number of vectors and their scales. The number of dimensions has to be even, codes small."""
        high, low = self.codes[:, ::2] + 8, self.codes[:, 1::2] + 8
        head = np.array([len(self.codes)], "<u4").tobytes() + self.scales.astype("<f2").tobytes()
        return head + (high.astype(np.uint8) << 4 | low.astype(np.uint8)).tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> TokenVectors:
        """What was packed."""
        count = int(np.frombuffer(packed, "<u4", 1)[0])
        scales = np.frombuffer(packed, "<f2", count, 4).astype(np.float32)
        pairs = np.frombuffer(packed, np.uint8, -1, 4 + 2 * count).reshape(count, -1)
        codes = np.empty((count, 2 * pairs.shape[1]), np.int8)
        codes[:, ::2], codes[:, 1::2] = pairs >> 4, pairs & 15
        return cls(codes - np.int8(8), scales)


def late_interaction(question: TokenVectors, texts: Sequence[TokenVectors]) -> list[float]:
    """For each text the mean, over the question's vectors, of the cosine of the one in the text that is nearest.

    Products of codes are whole numbers that float32 holds exactly, so a score depends on its pair alone and not on what is beside it.
    """
    asked = question.codes.astype(np.float32).T
    weights = question.scales / len(question.scales)
    scores = []
    for text in texts:
        cosines = text.codes.astype(np.float32) @ asked
        cosines *= text.scales[:, None]
        scores.append(round(float(np.vecdot(cosines.max(axis=0), weights)), 6))
    return scores


def pooled(vectors: Floats, factor: int) -> Floats:
    """The vectors merged into one `factor`-th as many: the two that lie nearest (Ward's distance), again and again, as their mean.

    Clavie, Chaffin and Adams: Reducing the Footprint of Multi-Vector Retrieval, 2024.
    """
    count = len(vectors)
    sums, sizes = vectors.astype(np.float64), np.ones(count)
    distances = 2 - 2 * (sums @ sums.T)
    np.fill_diagonal(distances, np.inf)
    for _ in range(count - -(-count // factor)):
        i, j = divmod(int(distances.argmin()), count)
        merged = (sizes[i] + sizes) * distances[i] + (sizes[j] + sizes) * distances[j] - sizes * distances[i, j]
        merged /= sizes[i] + sizes[j] + sizes
        merged[[i, j]] = np.inf
        distances[i], distances[:, i] = merged, merged
        distances[j], distances[:, j] = np.inf, np.inf
        sums[i] += sums[j]
        sizes[i] += sizes[j]
        sizes[j] = 0
    return unit(sums[sizes > 0])


def unit(vectors: NDArray[np.floating]) -> Floats:
    """The vectors at length one; one without a direction stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
