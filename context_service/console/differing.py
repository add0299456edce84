"""Which words two passages do not share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

TOKEN = re.compile(r"\w+(?:[.,:'’-]\w+)*|[^\w\s]")
Span = tuple[int, int]


@dataclass(frozen=True)
class Segment:
    """A stretch of a passage, and whether the other side says something else there."""

    text: str
    differs: bool


def differing(passage: str, others: Sequence[str]) -> list[Segment]:
    """`passage` cut into stretches that all of `others` share and stretches that one of them does not. Together they are the passage."""
    spans = [match.span() for match in TOKEN.finditer(passage)]
    tokens = [passage[slice(*span)].casefold() for span in spans]
    own = {number for other in others for number in _unshared(tokens, _tokens(other))}
    return list(_segments(passage, [span for number, span in enumerate(spans) if number in own]))


def _tokens(text: str) -> list[str]:
    return [token.casefold() for token in TOKEN.findall(text)]


def _unshared(tokens: Sequence[str], others: Sequence[str]) -> set[int]:
    codes = SequenceMatcher(None, tokens, others, autojunk=False).get_opcodes()
    return {number for tag, start, end, _, _ in codes if tag != "equal" for number in range(start, end)}


def _segments(passage: str, marked: Sequence[Span]) -> Iterator[Segment]:
    position = 0
    for start, end in _joined(passage, marked):
        if start > position:
            yield Segment(passage[position:start], differs=False)
        yield Segment(passage[start:end], differs=True)
        position = end
    if position < len(passage):
        yield Segment(passage[position:], differs=False)


def _joined(passage: str, marked: Sequence[Span]) -> Iterator[Span]:
    """Neighbouring words that are marked both become one stretch."""
    waiting: Span | None = None
    for start, end in marked:
        if waiting and not passage[waiting[1] : start].strip():
            waiting = (waiting[0], end)
            continue
        if waiting:
            yield waiting
        waiting = (start, end)
    if waiting:
        yield waiting
