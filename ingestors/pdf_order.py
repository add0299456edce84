"""Reading order of a page: columns found by the gutters between fragments, with what spans them before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from ingestors.pdf_text import Box, Fragment

LEAST_LINES = 4
"""Lines that must face each other across a gutter before it counts as one."""
LEAST_WORDS = 3
"""Words that half of those lines must have on both sides; cells of a table without rules have fewer."""
MOST_FRAGMENTS = 1000
"""A page with more is no text in columns, and is read from top to bottom."""
CLEARANCE = 2.0
"""Points by which a fragment may reach over a gutter and still stand beside it."""
HEADING_SIZE = 1.1
"""Share of the size of its neighbours from which a short line alone on its height heads what follows below all columns."""


@dataclass(frozen=True)
class Region:
    """Fragments that are read as lines from top to bottom."""

    fragments: tuple[Fragment, ...]

    @property
    def box(self) -> Box:
        """The area of the region."""
        return Box.around(fragment.box for fragment in self.fragments)


def regions(fragments: Iterable[Fragment]) -> list[Region]:
    """The page's regions in reading order."""
    found = list(fragments)
    return [Region(tuple(part)) for part in _ordered(found) if part] if len(found) <= MOST_FRAGMENTS else [Region(tuple(found))]


def _ordered(fragments: list[Fragment]) -> Iterator[list[Fragment]]:
    gutter = _gutter(fragments)
    if gutter is None:
        yield fragments
        return
    for band in _bands(fragments, gutter):
        left, right = _sides(band, gutter)
        if not left or not right or any(_spans(fragment, gutter) for fragment in band):
            yield band
        else:
            yield from _ordered(left)
            yield from _ordered(right)


def _sides(band: Iterable[Fragment], gutter: float) -> tuple[list[Fragment], list[Fragment]]:
    beside = [fragment for fragment in band if not _spans(fragment, gutter)]
    left = [fragment for fragment in beside if fragment.box.x1 <= gutter + CLEARANCE]
    return left, [fragment for fragment in beside if fragment.box.x1 > gutter + CLEARANCE]


def _gutter(fragments: list[Fragment]) -> float | None:
    """Where most lines face each other across a gap, if those lines read like text."""
    pairs = list(_facing(fragments))
    best: list[tuple[Fragment, Fragment]] = []
    for left, right in pairs:
        x = (left.box.x1 + right.box.x0) / 2
        across = [pair for pair in pairs if pair[0].box.x1 < x < pair[1].box.x0]
        if len(across) > len(best):
            best = across
    if len(best) < LEAST_LINES or any(median(len(pair[side].words) for pair in best) < LEAST_WORDS for side in (0, 1)):
        return None
    return (max(left.box.x1 for left, _ in best) + min(right.box.x0 for _, right in best)) / 2


def _facing(fragments: list[Fragment]) -> Iterator[tuple[Fragment, Fragment]]:
    """Each fragment with its nearest neighbour to the right on the same height."""
    for left in fragments:
        beside = [right for right in fragments if right.box.x0 > left.box.x1 and _overlap(left.box, right.box) and not right.table]
        if beside and not left.table:
            yield left, min(beside, key=lambda right: right.box.x0)


def _overlap(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared > 0.5 * min(one.bottom - one.top, other.bottom - other.top)


def _bands(fragments: list[Fragment], gutter: float) -> Iterator[list[Fragment]]:
    """From the top: stretches in columns, and between them all that spans the gutter with the short lines that belong to it."""
    plain: list[Fragment] = []
    for spans, run in groupby(sorted(fragments, key=lambda found: found.box.top), key=lambda found: _spans(found, gutter)):
        for stretch in [list(run)] if spans else _stretches(list(run), gutter):
            if all(_sides(stretch, gutter)):
                if plain:
                    yield plain
                yield stretch
                plain = []
            else:
                plain += stretch
    if plain:
        yield plain


def _spans(fragment: Fragment, gutter: float) -> bool:
    return fragment.box.x0 < gutter - CLEARANCE and fragment.box.x1 > gutter + CLEARANCE


def _stretches(run: list[Fragment], gutter: float) -> Iterator[list[Fragment]]:
    """A run of columns, parted above each heading that stands alone on its height: it heads both columns below it."""
    size = median(fragment.size for fragment in run)
    stretch: list[Fragment] = []
    for fragment in run:
        alone = not any(other is not fragment and _near(fragment.box, other.box) for other in run)
        if alone and fragment.size > HEADING_SIZE * size and all(_sides(stretch, gutter)) and _heads_both(fragment, run, gutter):
            yield stretch
            stretch = []
        stretch.append(fragment)
    if stretch:
        yield stretch


def _near(heading: Box, other: Box) -> bool:
    height = heading.bottom - heading.top
    return other.bottom > heading.top - 0.3 * height and other.top < heading.bottom + 0.3 * height and not _stacked(heading, other)


def _stacked(heading: Box, other: Box) -> bool:
    """Whether the two share a column, where lines may follow each other closely."""
    return min(heading.x1, other.x1) - max(heading.x0, other.x0) > 0


def _heads_both(heading: Fragment, run: list[Fragment], gutter: float) -> bool:
    """Whether text follows on both sides, or none at all: then the heading belongs to what comes after the columns."""
    left, right = _sides((other for other in run if other.box.top > heading.box.top), gutter)
    return bool(left) == bool(right)
