"""The kinds of rows: rows that share label, facet, releases and days pass the same filters, so a filter is held against each kind once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from context_service.index.protocol import SearchFilter

LABEL, FACET, ADDED_IN, REMOVED_IN, EFFECTIVE_FROM, EFFECTIVE_TO = range(6)
WIDTH = 6

Table = NDArray[np.int32]


@dataclass(frozen=True)
class Kinds:
    """Every kind by its number; a kind that no row is of any more stays."""

    table: Table
    """Shape (kinds, WIDTH)."""
    numbers: dict[bytes, int]

    @classmethod
    def none(cls) -> Kinds:
        """No kinds."""
        return cls(np.empty((0, WIDTH), np.int32), {})

    @property
    def removed_in(self) -> NDArray[np.int32]:
        """When rows of each kind are removed."""
        return self.table[:, REMOVED_IN]

    def numbered(self, rows: Table) -> tuple[Kinds, NDArray[np.int32]]:
        """These kinds and those of `rows`, and the kind of each row."""
        found, places = np.unique(np.ascontiguousarray(rows, np.int32).view(f"V{4 * WIDTH}").ravel(), return_inverse=True)
        names = [one.tobytes() for one in found]
        new = [name for name in names if name not in self.numbers]
        numbers = {**self.numbers, **{name: len(self.numbers) + place for place, name in enumerate(new)}}
        more = np.frombuffer(b"".join(new), np.int32).reshape(len(new), WIDTH)
        known = np.array([numbers[name] for name in names], np.int32)
        return Kinds(np.concatenate([self.table, more]), numbers), known[places.ravel()]

    def admitted(self, where: SearchFilter, labels: NDArray[np.bool_], facets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether a filter admits each kind; `labels` and `facets` say by number which of them it names."""
        label, facet, added_in, removed_in, effective_from, effective_to = self.table.T
        admitted = labels[label] & facets[facet]
        admitted &= (added_in <= where.release) | (added_in == where.draft)
        admitted &= (removed_in > where.release) & (removed_in != where.draft)
        if where.effective_on is not None:
            day = where.effective_on.toordinal()
            admitted &= (effective_from <= day) & (effective_to >= day)
        return np.asarray(admitted, np.bool_)
