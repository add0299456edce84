"""Lines to paragraphs: by style, distance, indent, list marker, and by whether the next word would still have fitted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from ingestors.pdf_order import Region
from ingestors.pdf_text import HYPHEN, Box, Fragment

BULLETS = "•●▪■□◦○‣⁃∙·–—*\uf0b7\uf0a7"
MARKER = re.compile(rf"(?:[{BULLETS}-]|\(?\d{{1,3}}[.)]|\(?[a-zA-Z][.)]|\(?[ivx]{{2,5}}[.)])(?=\s)")
BULLET = re.compile(rf"[{BULLETS}-]\s+")
BARE_NUMBER = re.compile(r"\d{1,3}")
ENDED = re.compile(r"[.!?:;][\"'”’)\]]*$")
CONTINUES = re.compile(r"[a-zà-ÿ(\[,;&]")
TAIL = re.compile(rf"([^\W\d_]+)[{HYPHEN}-]$")
HEAD = re.compile(r"([a-zà-öø-ÿ][^\W\d_]*)")
CONJUNCTIONS = ("and", "or", "und", "oder", "et", "ou", "y", "o", "e")
NORMAL_PITCH = 1.2
"""Distance of baselines in font sizes where a document has too few lines to measure it."""
CLOSE_PITCH = 1.7
WIDEST_PITCH = 2.5
"""Distances of baselines in font sizes: up to the first they are surely those of lines, beyond the second never."""
FREQUENT = 8
"""Lines that must have a wide distance before it counts as that of lines."""
PARAGRAPH_GAP = 1.2
"""Share of the usual distance of lines from which a gap parts paragraphs."""
INDENT = 0.8
"""Share of the font size from which an indent counts."""
LEAST_ROWS = 3
"""Lines in columns that make a table without rules."""
SAME_SIZE = 0.06
"""Share by which font sizes of one paragraph may differ."""


@dataclass(frozen=True)
class Line:
    """All that stands side by side in one region."""

    fragments: tuple[Fragment, ...]
    page: int

    @cached_property
    def text(self) -> str:
        """The words with a space between them."""
        return " ".join(fragment.text for fragment in self.fragments)

    @cached_property
    def box(self) -> Box:
        """Where it stands."""
        return Box.around(fragment.box for fragment in self.fragments)

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """The rows of the table that it is; empty for a line of text."""
        return self.fragments[0].table

    @property
    def size(self) -> float:
        """Its font size."""
        return max(self.fragments, key=lambda fragment: len(fragment.text)).size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(fragment.bold for fragment in self.fragments)

    @property
    def upright(self) -> bool:
        """Whether it runs along the page; text at an angle is a stamp or stands in a margin."""
        return all(word.upright for fragment in self.fragments for word in fragment.words)

    @property
    def base(self) -> float:
        """Its baseline."""
        return self.fragments[0].base

    @cached_property
    def marker(self) -> str:
        """The bullet or number that begins a list item; empty for any other line."""
        words = self.fragments[0].words
        if found := MARKER.match(self.text):
            return found[0]
        following = [word for fragment in self.fragments for word in fragment.words][1:2]
        if words and following and BARE_NUMBER.fullmatch(words[0].text) and following[0].box.x0 - words[0].box.x1 > 0.5 * self.size:
            return words[0].text
        return ""


@dataclass
class Paragraph:
    """Lines that belong together, or a table."""

    lines: list[Line]
    table: tuple[tuple[str, ...], ...] = ()
    full: bool = False
    """Whether its last line fills its column, so that the text may go on in the next."""

    @property
    def first(self) -> Line:
        """Its first line."""
        return self.lines[0]

    @property
    def last(self) -> Line:
        """Its last line."""
        return self.lines[-1]


def paragraphs(pages: Sequence[tuple[int, Sequence[Region]]]) -> list[Paragraph]:
    """The paragraphs of the document in reading order, joined where a column or a page parts them."""
    regions = [(region, region_lines(region, number)) for number, found in pages for region in found]
    pitch = _pitches(lines for _, lines in regions)
    made: list[Paragraph] = []
    for region, lines in regions:
        for number, paragraph in enumerate(_region_paragraphs(lines, region.box, pitch)):
            if number == 0 and made and _goes_on(made[-1], paragraph):
                made[-1].lines += paragraph.lines
                made[-1].full = paragraph.full
            else:
                made.append(paragraph)
    return made


def region_lines(region: Region, page: int) -> list[Line]:
    """The lines of a region from the top; a table is a line of its own."""
    rows: list[list[Fragment]] = []
    for fragment in sorted(region.fragments, key=lambda found: found.box.bottom if found.table else found.base):
        if rows and not fragment.table and not rows[-1][0].table and abs(rows[-1][0].base - fragment.base) < 0.3 * fragment.size:
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [Line(tuple(sorted(row, key=lambda found: found.box.x0)), page) for row in rows]


def _pitches(regions: Iterable[Sequence[Line]]) -> dict[float, float]:
    """The usual distance of baselines for each font size."""
    steps: dict[float, Counter[float]] = defaultdict(Counter)
    for lines in regions:
        for above, below in pairwise(lines):
            if above.size == below.size and 0.8 * above.size < below.base - above.base < WIDEST_PITCH * above.size:
                steps[above.size][round((below.base - above.base) * 2) / 2] += 1
    return {size: _pitch(found, size) for size, found in steps.items()}


def _pitch(steps: Counter[float], size: float) -> float:
    """The smallest step that is not rare; a wide one could be the distance of paragraphs and has to be frequent."""
    close = {step: count for step, count in steps.items() if step <= CLOSE_PITCH * size}
    found = close or {step: count for step, count in steps.items() if count >= FREQUENT}
    return min((step for step, count in found.items() if count >= 0.2 * max(found.values())), default=NORMAL_PITCH * size)


def _region_paragraphs(lines: Sequence[Line], box: Box, pitch: Mapping[float, float]) -> Iterator[Paragraph]:
    current: list[Line] = []
    for line in _with_aligned_rows(lines):
        if current and (line.table or _parts(current, line, box, pitch)):
            yield Paragraph(current)
            current = []
        if line.table:
            yield Paragraph([line], table=line.table)
        else:
            current.append(line)
    if current:
        yield Paragraph(current, full=box.x1 - current[-1].box.x1 < 0.15 * (box.x1 - box.x0))


def _with_aligned_rows(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines, with those that stand in columns without rules made a table: several in a row with the same number of parts.

    Bullets and numbers before the text of a list are no column.
    """
    for parts, run in groupby(lines, key=lambda line: 0 if line.table else len(line.fragments)):
        found = list(run)
        if parts < 2 or len(found) < LEAST_ROWS or not _aligned(found) or (parts == 2 and all(line.marker for line in found)):
            yield from found
            continue
        fragments = tuple(fragment for line in found for fragment in line.fragments)
        grid = tuple(tuple(fragment.text for fragment in line.fragments) for line in found)
        yield Line((Fragment((), Box.around(fragment.box for fragment in fragments), grid),), found[0].page)


def _aligned(lines: Sequence[Line]) -> bool:
    """Whether the parts below each other share a stretch of the width, clear of their neighbours'."""
    columns = list(zip(*(line.fragments for line in lines), strict=True))
    extents = [(min(part.box.x0 for part in column), max(part.box.x1 for part in column)) for column in columns]
    return all(left[1] < right[0] for left, right in pairwise(extents))


def _fills(line: Line, following: Line, box: Box) -> bool:
    """Whether the first word of the line below would not have fitted at the end of this one."""
    words = following.fragments[0].words
    width = words[0].box.x1 - words[0].box.x0 if words else 0.0
    return box.x1 - line.box.x1 < width + line.size


def _parts(current: Sequence[Line], line: Line, box: Box, pitch: Mapping[float, float]) -> bool:
    """Whether `line` begins a new paragraph below `current`."""
    last = current[-1]
    step = line.base - last.base
    usual = pitch.get(last.size, NORMAL_PITCH * last.size)
    if abs(line.size - last.size) > SAME_SIZE * last.size or step > PARAGRAPH_GAP * usual + 0.5 or step < 0:
        return True
    full = _fills(last, line, box)
    if line.bold != last.bold and not full:
        return True
    if line.marker and _begins_item(line, current, full=full):
        return True
    if full and not ENDED.search(last.text):
        return False  # A line that is full in the middle of a sentence goes on, wherever the next one begins.
    return _indents(current, line) or (not full and _ends(last, line))


def _begins_item(line: Line, current: Sequence[Line], *, full: bool) -> bool:
    """A number may stand at the start of a line by chance; a bullet does not."""
    return bool(BULLET.match(line.marker + " ")) or not full or bool(ENDED.search(current[-1].text)) or bool(current[0].marker)


def _indents(current: Sequence[Line], line: Line) -> bool:
    """Whether the line begins elsewhere than its paragraph goes on: an item returns to the margin only after its end."""
    last = current[-1]
    if current[0].marker:
        return len(current) > 1 and line.box.x0 < min(current[0].box.x0 + 1, last.box.x0 - 2)
    shift = line.box.x0 - last.box.x0
    return shift > INDENT * line.size or (-shift > INDENT * line.size and len(current) > 1)


def _ends(last: Line, line: Line) -> bool:
    return bool(ENDED.search(last.text)) or not CONTINUES.match(line.text)


def _goes_on(before: Paragraph, after: Paragraph) -> bool:
    """Whether a paragraph that a column or page ended goes on in the first one of the next."""
    if before.table or after.table or after.first.marker or before.last.bold != after.first.bold:
        return False
    if abs(before.last.size - after.first.size) > SAME_SIZE * before.last.size:
        return False
    text = before.last.text
    if text.endswith((HYPHEN, "-")) and after.first.text[:1].islower():
        return True
    return not ENDED.search(text) and (bool(CONTINUES.match(after.first.text)) or (before.full and not before.last.bold))


@dataclass(frozen=True)
class Hyphens:
    """Joins lines, with the document's own words to tell a word parted at the end of a line from one written with a hyphen."""

    vocabulary: frozenset[str]
    habit: bool = False
    """Whether the document parts words at the end of lines at all."""

    @classmethod
    def of(cls, vocabulary: frozenset[str], paragraphs: Iterable[Paragraph]) -> Hyphens:
        """The document's habit: some word that a line end parts stands whole elsewhere."""
        pairs = (pair for paragraph in paragraphs for pair in pairwise(line.text for line in paragraph.lines))
        parted = (found for above, below in pairs if (found := cls._parted(above, below)))
        return cls(vocabulary, habit=any("".join(found) in vocabulary for found in parted))

    @staticmethod
    def _parted(above: str, below: str) -> tuple[str, str] | None:
        tail, head = TAIL.search(above), HEAD.match(below)
        return (tail[1].casefold(), head[1].casefold()) if tail and head else None

    def join(self, lines: Iterable[str]) -> str:
        """Lines as one text."""
        joined = ""
        for line in lines:
            parted = self._parted(joined, line)
            if parted is None:
                joined += line if joined.endswith((HYPHEN, "-")) and not joined.endswith((" -", "--")) else f" {line}"
            elif parted[1] in CONJUNCTIONS:
                joined += f" {line}"
            else:
                joined = (joined[:-1] if self._is_one_word(*parted) else joined) + line
        return joined.replace(HYPHEN, "-").strip()

    def _is_one_word(self, tail: str, head: str) -> bool:
        if tail + head in self.vocabulary:
            return True
        known = f"{tail}-{head}" in self.vocabulary or (tail in self.vocabulary and head in self.vocabulary)
        return self.habit and not known
