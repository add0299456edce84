"""Which paragraphs are headings, and how deep: by size and weight, repaired by their numbers and by the document's outline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingestors.pdf_paragraphs import BULLET, Paragraph
from ingestors.text import squeeze

LARGER = 1.12
"""Share of the body's font size from which text is larger than the body."""
SMALLEST_BOLD = 0.8
"""Share of the body's font size down to which bold text can be a heading."""
LONGEST = 200
"""Characters up to which larger text can be a heading."""
LONGEST_BOLD = 120
"""Characters up to which bold text of the body's size can be a heading."""
MOST_LINES = 3
NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,5})[.)]?\s+\S")
SENTENCE_END = re.compile(r"[.;,]$")
SENTENCE_BREAK = re.compile(r"[.;!?]\s")
HABIT = 3
"""Bold sentences over plain text from which a document counts as using them as headings."""
AGREEMENT = 0.6
"""Share of the numbered headings that must agree on how numbers and levels go together."""
DEEPEST = 9

Style = tuple[float, bool]


@dataclass(frozen=True)
class Bookmark:
    """An entry of the document's outline: its depth from 0, its title, its page from 1 where it has one."""

    level: int
    title: str
    page: int | None


def heading_levels(paragraphs: Sequence[Paragraph], texts: Sequence[str], outline: Sequence[Bookmark]) -> dict[int, int]:
    """The level of each heading, by the paragraph's place in `paragraphs`; `texts` are their texts."""
    body = _body_size(paragraphs, texts)
    bookmarked = _bookmarked(paragraphs, texts, outline)
    sentences = _heading_sentences(paragraphs, texts, body)
    styles = {
        at: _style(paragraph)
        for at, paragraph in enumerate(paragraphs)
        if not paragraph.table and (at in bookmarked or at in sentences or _is_heading(paragraph, texts[at], body))
    }
    ranks = {style: rank for rank, style in enumerate(sorted(set(styles.values()), key=lambda style: (-style[0], not style[1])), 1)}
    levels = {at: ranks[style] for at, style in styles.items()}
    levels |= _by_number(levels, texts)
    levels |= _by_outline(levels, bookmarked)
    return {at: min(level, DEEPEST) for at, level in levels.items()}


def _style(paragraph: Paragraph) -> Style:
    return paragraph.first.size, paragraph.first.bold


def _body_size(paragraphs: Sequence[Paragraph], texts: Sequence[str]) -> float:
    sizes: Counter[float] = Counter()
    for paragraph, text in zip(paragraphs, texts, strict=True):
        if not paragraph.table:
            sizes[paragraph.first.size] += len(text)
    return max(sizes, key=lambda size: (sizes[size], -size), default=0.0)


def _is_heading(paragraph: Paragraph, text: str, body: float) -> bool:
    if not any(char.isalpha() for char in text) or len(paragraph.lines) > MOST_LINES or BULLET.match(paragraph.first.text):
        return False
    if not paragraph.first.upright:
        return False
    size, bold = _style(paragraph)
    if SENTENCE_END.search(text):
        return False
    if size >= LARGER * body:
        return len(text) <= LONGEST
    return bold and size >= SMALLEST_BOLD * body and len(text) <= LONGEST_BOLD and all(line.bold for line in paragraph.lines)


def _heading_sentences(paragraphs: Sequence[Paragraph], texts: Sequence[str], body: float) -> set[int]:
    """Bold sentences over plain text: headings that end in a full stop, where the document makes a habit of it."""
    found = {
        at
        for at, (paragraph, below) in enumerate(pairwise(paragraphs))
        if not (paragraph.table or below.table or below.first.bold)
        and _is_heading(paragraph, texts[at].removesuffix("."), body)
        and not SENTENCE_BREAK.search(texts[at])
    }
    return found if sum(texts[at].endswith(".") for at in found) >= HABIT else set()


def _by_number(levels: Mapping[int, int], texts: Sequence[str]) -> dict[int, int]:
    """Levels of numbered headings, 2.1 one deeper than 2, where most of them agree with their styles on where 1 begins."""
    depths = {at: found[1].count(".") + 1 for at in levels if (found := NUMBERED.match(texts[at]))}
    offsets = Counter(levels[at] - depth for at, depth in depths.items())
    if len(depths) < 2:
        return {}
    offset, count = offsets.most_common(1)[0]
    return {at: max(1, depth + offset) for at, depth in depths.items()} if count >= AGREEMENT * len(depths) else {}


def _bookmarked(paragraphs: Sequence[Paragraph], texts: Sequence[str], outline: Sequence[Bookmark]) -> dict[int, int]:
    """Depth in the outline of the paragraphs that it names, page and text."""
    named = {(mark.page, _plain(mark.title)): mark.level for mark in outline if mark.page is not None}
    return {
        at: named[paragraph.first.page, _plain(text)]
        for at, (paragraph, text) in enumerate(zip(paragraphs, texts, strict=True))
        if not paragraph.table and (paragraph.first.page, _plain(text)) in named
    }


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", squeeze(text).casefold())


def _by_outline(levels: Mapping[int, int], bookmarked: Mapping[int, int]) -> dict[int, int]:
    """Levels as the outline has them, moved so that most agree with what was found."""
    if len(bookmarked) < 2:
        return {}
    shift = max(1, Counter(levels[at] - depth for at, depth in bookmarked.items()).most_common(1)[0][0])
    return {at: depth + shift for at, depth in bookmarked.items()}
