"""Running headers, footers and page numbers: what stands at the same height of the edge on page after page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingestors.pdf_text import Fragment

EDGE = 0.12
"""Share of the page's height at the top and at the bottom where running text stands."""
LOWEST = 0.08
"""Share of the page's height at the bottom where a lone page number stands."""
STEP = 4.0
"""Points by which its height may differ from page to page."""
LEAST_PAGES = 2
LEAST_SHARE = 0.4
"""It must stand on this share of the pages, and on at least so many."""
NUMBER = re.compile(r"\d+")
PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\s*\d{1,4}(?:\s*(?:/|of|von)\s*\d{1,4})?\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Edge:
    """The fragments of one page and its height."""

    number: int
    height: float
    fragments: tuple[Fragment, ...]


def running_texts(pages: Sequence[Edge]) -> dict[int, list[Fragment]]:
    """The running fragments by page number."""
    places: dict[tuple[str, bool, int], list[tuple[int, Fragment]]] = defaultdict(list)
    for page in pages:
        for fragment in page.fragments:
            if _at_edge(fragment, page):
                text = NUMBER.sub("#", fragment.text)
                places[text, fragment.box.top < page.height / 2, round(fragment.base / STEP)].append((page.number, fragment))
    found: dict[int, list[Fragment]] = defaultdict(list)
    body = _body_size(pages)
    needed = max(LEAST_PAGES, round(LEAST_SHARE * len(pages)))
    for (text, at_top, row), here in places.items():
        near = here + places.get((text, at_top, row + 1), []) + places.get((text, at_top, row - 1), [])
        if len({number for number, _ in near}) >= needed and _counts_pages(near, body):
            for number, fragment in here:
                found[number].append(fragment)
    for page in pages:
        found[page.number] += [f for f in page.fragments if f not in found[page.number] and _is_lone_number(f, page)]
    # Pages that say nothing else are what the document says.
    return found if any(len(found[page.number]) < len(page.fragments) for page in pages) else {}


def _at_edge(fragment: Fragment, page: Edge) -> bool:
    if fragment.table:
        return False
    if fragment.box.bottom < EDGE * page.height or fragment.box.top > (1 - EDGE) * page.height:
        return True
    # Wide margins leave the page number far from the edge, but nothing stands below it.
    return PAGE_NUMBER.fullmatch(fragment.text) is not None and fragment.box.bottom >= max(f.box.bottom for f in page.fragments)


def _counts_pages(found: Sequence[tuple[int, Fragment]], body: float) -> bool:
    """Whether the numbers in the texts stay the same or, in text no larger than the body, grow with the page."""
    numbers = [(page, [int(n) for n in NUMBER.findall(fragment.text)]) for page, fragment in found]
    small = max(fragment.size for _, fragment in found) <= body
    return all(
        len({row[at] for _, row in numbers}) == 1 or (small and len({row[at] - page for page, row in numbers}) == 1)
        for at in range(min(len(row) for _, row in numbers))
    )


def _body_size(pages: Sequence[Edge]) -> float:
    sizes: Counter[float] = Counter()
    for page in pages:
        for fragment in page.fragments:
            sizes[fragment.size] += len(fragment.text)
    return max(sizes, key=lambda size: (sizes[size], size), default=0.0)


def _is_lone_number(fragment: Fragment, page: Edge) -> bool:
    return fragment.box.top > (1 - LOWEST) * page.height and PAGE_NUMBER.fullmatch(fragment.text) is not None


def running_notes(found: Mapping[int, Sequence[Fragment]], heights: Mapping[int, float]) -> tuple[str, ...]:
    """One note for each running text: what it says on the first page it stands on, and on which pages."""
    pages: dict[tuple[str, str], list[int]] = defaultdict(list)
    first: dict[tuple[str, str], str] = {}
    for number in sorted(found):
        for fragment in found[number]:
            where = "header" if fragment.box.top < heights[number] / 2 else "footer"
            key = (where, NUMBER.sub("#", fragment.text))
            pages[key].append(number)
            first.setdefault(key, fragment.text)
    return tuple(f"running {where}: {first[where, text]} (pages {_span(numbers)})" for (where, text), numbers in pages.items())


def _span(numbers: list[int]) -> str:
    """Pages as ranges: 1-3, 7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, found)) for found in ranges)
