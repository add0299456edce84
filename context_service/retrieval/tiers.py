"""The rerank tiers: what reads the candidates, and how its scores and the order of the search become one order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from context_service.embedding.protocol import Reranker, TokenEncoder
from context_service.embedding.token_vectors import TokenVectors, late_interaction
from context_service.model.base import digest
from context_service.model.workflow import Tier
from context_service.records.protocol import RecordStore
from context_service.retrieval.search import Candidate, blend, rerank

LOGIT_GAP = 5.0
"""A candidate whose logit lies this far below the best has nothing to do with the question."""

INTERACTION_GAP = 0.13
"""The same for late interaction; see docs/decisions for how both were measured."""

MOST_ENCODED = 4
"""Texts of one request that are encoded while it waits: those told without the parts that lost."""

MOST_KEPT = 4_096
"""Texts whose token vectors are kept in memory, the last used ones; some 10 KB each."""


@dataclass(frozen=True)
class Reading:
    """Words as a tier reads them, and their embedding key where they are a stored text and not what conflicts left of it."""

    words: str
    stored: str | None = None

    @property
    def key(self) -> str:
        """Names the words."""
        return self.stored or digest(self.words)


class Ranker(Protocol):
    """A tier that reads. Safe to share between threads."""

    tier: Tier
    model_id: str
    gap: float
    """How far below the best score a candidate is left out."""

    def scores(self, query: str, readings: Sequence[Reading]) -> list[float | None] | None:
        """A score per reading, higher is better, each of its pair alone; None for one that was not read, or instead of them all where
        the tier cannot answer.
        """
        ...

    def order(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
        """The candidates by their scores and the order they came in."""
        ...


class CrossEncoderTier:
    """Reads each pair; satisfies `Ranker`."""

    tier = Tier.THOROUGH
    gap = LOGIT_GAP

    def __init__(self, reranker: Reranker) -> None:
        self.model_id = reranker.model_id
        self._reranker = reranker

    def scores(self, query: str, readings: Sequence[Reading]) -> list[float | None]:
        """See `Ranker`."""
        return [*self._reranker.score(query, [reading.words for reading in readings])]

    def order(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
        """See `Ranker`."""
        return rerank(candidates, scores)


class LateInteractionTier:
    """Compares token vectors that were made at ingest; satisfies `Ranker`."""

    tier = Tier.FAST
    gap = INTERACTION_GAP

    def __init__(self, encoder: TokenEncoder, records: RecordStore) -> None:
        self.model_id = encoder.model_id
        self._encoder = encoder
        self._records = records
        self._recent = Recent(MOST_KEPT)

    def scores(self, query: str, readings: Sequence[Reading]) -> list[float | None] | None:
        """See `Ranker`. It cannot answer while a stored text has no token vectors. Of the others it reads the first `MOST_ENCODED`, whether
        they have to be encoded or are remembered: what is answered must not hang on what was asked before.
        """
        keys = [reading.key for reading in readings]
        told = {reading.key: reading.words for reading in readings if not reading.stored}
        stored = [key for key in dict.fromkeys(keys) if key not in told]
        known = self._recent.known(stored, self._stored)
        if len(known) < len(stored):
            return None
        encoded = dict(list(told.items())[:MOST_ENCODED])
        known |= self._recent.known(list(encoded), lambda keys: self._encode([encoded[key] for key in keys], keys))
        read = list(known)
        score = dict(zip(read, late_interaction(self._encoder.encode_query(query), [known[key] for key in read]), strict=True))
        return [score.get(key) for key in keys]

    def order(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
        """See `Ranker`."""
        return blend(candidates, scores)

    def _stored(self, keys: Sequence[str]) -> dict[str, TokenVectors]:
        return {key: TokenVectors.unpack(packed) for key, packed in self._records.token_vectors(self.model_id, keys).items()}

    def _encode(self, texts: Sequence[str], keys: Sequence[str]) -> dict[str, TokenVectors]:
        return dict(zip(keys, self._encoder.encode_documents(texts), strict=True))


class Recent:
    """The last used token vectors, by the digest of their text. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, TokenVectors] = OrderedDict()
        self._lock = Lock()

    def known(self, keys: Sequence[str], read: Callable[[Sequence[str]], dict[str, TokenVectors]]) -> dict[str, TokenVectors]:
        """Those out of `keys` that are kept, or that `read` gives."""
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        new = [key for key in keys if key not in found]
        found |= read(new) if new else {}
        with self._lock:
            for key, vectors in found.items():
                self._kept[key] = vectors
                self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
