"""What changed between two texts: paragraph by paragraph, and within a paragraph word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from context_service.console.differing import Segment, differing

BLANK = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Kept:
    """Paragraphs that both texts have."""

    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Edit:
    """A paragraph before and after, cut where its words differ; empty where it was added or removed."""

    before: Sequence[Segment]
    after: Sequence[Segment]


def edits(old: str, new: str) -> list[Kept | Edit]:
    """How `old` became `new`, in reading order."""
    before, after = _paragraphs(old), _paragraphs(new)
    found: list[Kept | Edit] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Kept(before[start:end]))
        else:
            found += _edits(before[start:end], after[new_start:new_end])
    return found


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in BLANK.split(text) if part.strip()]


def _edits(before: Sequence[str], after: Sequence[str]) -> Iterator[Edit]:
    for old, new in zip_longest(before, after):
        yield Edit(differing(old, [new or ""]) if old else (), differing(new, [old or ""]) if new else ())
