"""txtai: a hybrid index (Faiss and BM25) with content in SQLite, filtered by SQL.

txtai searches first and filters what it found. By its default of ten candidates a result a narrow filter leaves one text or none; whoever
builds with it raises the number, as here: enough that the filter should leave what is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from txtai import Embeddings

from benchmarks.speed.corpus import SHARES, Corpus, Question, Vectors
from benchmarks.speed.peer import Peer, embedder

CANDIDATES = {"10%": 10 * 10 * 2, "1%": 10 * 100 * 2}
"""Candidates for ten results: twice what the filter leaves of them on average."""

_state: dict[str, Any] = {}


def transform(texts: list[str]) -> Vectors:
    """Vectors of texts: those of the corpus while it is built, else by the embedder."""
    rows = _state.get("rows")
    if rows is not None:
        return np.asarray(_state["vectors"][[rows[text] for text in texts]], np.float32)
    return np.stack([_state["embedder"].embed_query(text) for text in texts])


class Txtai(Peer):
    """See `benchmarks.speed.protocol.Engine`."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        super().__init__(corpus, folder)
        os.environ["ALLOW_RESOLVE_TRANSFORM"] = "True"
        _state["embedder"] = embedder()
        self._one_at_a_time = Lock()

    def build(self) -> None:
        """See Engine."""
        _state["rows"] = {entry.indexed: row for row, entry in enumerate(self.corpus.entries())}
        _state["vectors"] = self.corpus.vectors()
        index = Embeddings(method="external", transform="benchmarks.speed.peer_txtai.transform", content=True, hybrid=True)
        index.index(self._documents())
        index.save(str(self.folder))

    def _documents(self) -> Iterator[tuple[str, dict[str, str], None]]:
        for entry in self.corpus.entries():
            yield entry.id, {"text": entry.indexed, "label": entry.label, "region": entry.region}, None

    def open(self) -> None:
        """See Engine."""
        _state.pop("rows", None)
        self._index = Embeddings()
        self._index.load(str(self.folder))

    def found(self, question: Question, limit: int) -> list[tuple[str, str]]:
        """See Peer."""
        return [(row["id"], row["text"]) for row in self._search(question, limit, "")]

    def nearest(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        return [row["id"] for row in self._search(self.questions[question], limit, ", 1.0")]

    def _search(self, question: Question, limit: int, weights: str) -> list[dict[str, str]]:
        names = {f"l{number}": label for number, label in enumerate(question.labels)}
        names |= {f"r{number}": region for number, region in enumerate(question.regions)}
        labels, regions = (", ".join(f":{name}" for name in names if name[0] == kind) for kind in "lr")
        share = next(share for share, (_, count) in SHARES.items() if count == len(question.regions))
        sql = (
            f"SELECT id, text, score FROM txtai WHERE similar(:query, {CANDIDATES[share]}{weights}) "  # noqa: S608 - placeholders only
            f"AND label IN ({labels}) AND region IN ({regions}) LIMIT {limit}"
        )
        # Without this its process ends in a crash when 32 threads search at once.
        with self._one_at_a_time:
            rows: list[dict[str, str]] = self._index.search(sql, limit, parameters={"query": question.text, **names})
        return rows
