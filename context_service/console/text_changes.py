"""How a text changes between two releases or drafts, as it is shown: sentences that stay, and pairs whose words differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from context_service.console.differing import differing
from context_service.console.revisions import Edit, Kept
from context_service.releases.compare import REMOVED, SAME
from context_service.releases.views import TextPart


def stretches_of(parts: Sequence[TextPart]) -> Iterator[Kept | Edit]:
    """`parts` in reading order; what was removed stands beside what came in its place."""
    removed: list[str] = []
    for part in parts:
        sentences = part.text.split("\n")
        if part.kind == REMOVED:
            removed = sentences
            continue
        yield from _pairs(removed, () if part.kind == SAME else sentences)
        removed = []
        if part.kind == SAME:
            yield Kept(sentences)
    yield from _pairs(removed, ())


def _pairs(removed: Sequence[str], added: Sequence[str]) -> Iterator[Edit]:
    for old, new in zip_longest(removed, added, fillvalue=""):
        yield Edit(differing(old, [new]) if old else (), differing(new, [old]) if new else ())
