"""The text layer of a PDF page: characters to words to fragments of lines, with size, weight and place.

Places are in points from the top left corner of the page as it is shown, whatever its rotation.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import pypdfium2.raw as pdfium
from pypdfium2 import PdfPage, PdfTextPage

from ingestors.text import clean

HYPHENS = "\x02\xad\ufffe"
"""What pdfium gives for a hyphen at the end of a line."""
HYPHEN = "\u2010"
"""How we keep it until words are joined."""
BOLD_NAME = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
BOLD_WEIGHT = 600
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FONT_NAME = 200
"""Bytes of a font's name that are looked at."""
SAMPLE = 200
"""Characters that stand for all of a page."""
GARBLED = 0.3
"""Share of characters without a known meaning from which a page cannot be read."""
TILT = 5
"""Degrees by which text may lean and still count as upright."""
WORD_GAP = 1.0
"""Share of the line's height from which a jump between characters parts two words even without a space."""
FRAGMENT_GAP = 0.9
"""Share of the font size from which a gap between words may be a gutter between columns."""
SAME_LINE = 0.3
"""Share of the font size by which baselines on one line may differ."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page."""

    x0: float
    top: float
    x1: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies inside."""
        return self.x0 <= x <= self.x1 and self.top <= y <= self.bottom

    @classmethod
    def around(cls, boxes: Iterable[Box]) -> Box:
        """The smallest box that holds all of `boxes`, which must not be empty."""
        found = list(boxes)
        return cls(min(b.x0 for b in found), min(b.top for b in found), max(b.x1 for b in found), max(b.bottom for b in found))


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a gap between them. `upright` is false for text that runs at an angle."""

    text: str
    box: Box
    base: float
    size: float
    bold: bool
    upright: bool = True


@dataclass(frozen=True)
class Fragment:
    """Words of one line with no gap wide enough to be a gutter. A table stands in the flow of text as one fragment."""

    words: tuple[Word, ...]
    box: Box
    table: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, words: Iterable[Word]) -> Fragment:
        """The fragment of these words, in reading order."""
        found = sorted(words, key=lambda word: word.box.x0)
        if 2 * sum(bool(RIGHT_TO_LEFT.search(word.text)) for word in found) > len(found):
            found.reverse()
        return cls(tuple(found), Box.around(word.box for word in found))

    @cached_property
    def text(self) -> str:
        """The words, or a table's cells, with a space between them."""
        return " ".join(word.text for word in self.words) or " ".join(cell for row in self.table for cell in row)

    @cached_property
    def size(self) -> float:
        """The font size of most characters."""
        sizes: dict[float, int] = {}
        for word in self.words:
            sizes[word.size] = sizes.get(word.size, 0) + len(word.text)
        return max(sizes, key=lambda size: (sizes[size], size), default=0.0)

    @cached_property
    def bold(self) -> bool:
        """Whether every word is bold."""
        return bool(self.words) and all(word.bold for word in self.words)

    @cached_property
    def base(self) -> float:
        """The baseline of the largest text."""
        return max((word for word in self.words), key=lambda word: word.size).base if self.words else self.box.top


@dataclass(frozen=True, slots=True)
class _Char:
    text: str
    box: Box
    index: int


def read_words(turn: Turn, layer: PdfTextPage) -> list[Word]:
    """The words of the page in the order of its text layer."""
    words: list[Word | None] = []
    run: list[_Char] = []
    for char in _chars(turn, layer):
        if run and (char is None or _parts(run[-1].box, char.box)):
            words.append(_word(turn, layer, run))
            run = []
        if char is not None:
            run.append(char)
    words.append(_word(turn, layer, run) if run else None)
    return [word for word in words if word is not None]


def _parts(last: Box, box: Box) -> bool:
    height = max(last.bottom - last.top, 1.0)
    return max(box.x0 - last.x1, last.x0 - box.x1) > WORD_GAP * height or abs(box.bottom - last.bottom) > 0.6 * height


def _chars(turn: Turn, layer: PdfTextPage) -> Iterator[_Char | None]:
    """The page's characters, with None where a word ends."""
    rect, raw = pdfium.FS_RECTF(), layer.raw
    place = ctypes.byref(rect)
    for index in range(layer.count_chars()):
        text = chr(pdfium.FPDFText_GetUnicode(raw, index))
        if text in HYPHENS:
            text = HYPHEN
        elif text.isspace() or text < " ":
            yield None
            continue
        pdfium.FPDFText_GetLooseCharBox(raw, index, place)
        yield _Char(text, turn.box(rect.left, rect.bottom, rect.right, rect.top), index)


@dataclass(frozen=True)
class Turn:
    """From the page's own coordinates to those of the page turned so that most of its text is upright."""

    left: float
    bottom: float
    width: float
    height: float
    rotation: int

    @classmethod
    def of(cls, page: PdfPage, layer: PdfTextPage) -> Turn:
        """The turn of a page, by the angle of a sample of its characters."""
        left, bottom, right, top = page.get_mediabox()
        count = layer.count_chars()
        sample = range(0, count, max(1, count // SAMPLE))
        angles = Counter(_angle(layer, index) for index in sample if not pdfium.FPDFText_IsGenerated(layer, index))
        most = max(angles, key=lambda angle: (angles[angle], -angle), default=page.get_rotation())
        return cls(left, bottom, right - left, top - bottom, most if most in (0, 90, 180, 270) else page.get_rotation())

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the turned page."""
        return (self.width, self.height) if self.rotation in (0, 180) else (self.height, self.width)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page, from the top left corner of the turned page."""
        x, y = x - self.left, y - self.bottom
        if self.rotation == 90:
            return y, x
        if self.rotation == 180:
            return self.width - x, y
        if self.rotation == 270:
            return self.height - y, self.width - x
        return x, self.height - y

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A rectangle of the page on the turned page."""
        (ax, ay), (bx, by) = self.point(x0, y0), self.point(x1, y1)
        return Box(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


def is_garbled(layer: PdfTextPage) -> bool:
    """Whether the fonts of much of the text do not say which characters they show, so that it reads as nonsense."""
    sample = range(0, layer.count_chars(), max(1, layer.count_chars() // SAMPLE))
    unknown = sum(pdfium.FPDFText_HasUnicodeMapError(layer, index) == 1 for index in sample)
    return bool(unknown > GARBLED * len(sample))


def _matrix(layer: PdfTextPage, index: int) -> pdfium.FS_MATRIX:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(layer, index, ctypes.byref(matrix))
    return matrix


def _angle(layer: PdfTextPage, index: int) -> int:
    matrix = _matrix(layer, index)
    return round(math.degrees(math.atan2(matrix.b, matrix.a))) % 360


def _word(turn: Turn, layer: PdfTextPage, run: list[_Char]) -> Word | None:
    """The word of these characters; None where nothing of them is text."""
    text = clean("".join(char.text for char in run))
    if not text:
        return None
    first = run[0].index
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(layer, first, ctypes.byref(x), ctypes.byref(y))
    matrix = _matrix(layer, first)
    scale = math.hypot(matrix.c, matrix.d) or 1.0
    return Word(
        text=text,
        box=Box.around(char.box for char in run),
        base=turn.point(x.value, y.value)[1],
        size=round(pdfium.FPDFText_GetFontSize(layer, first) * scale * 2) / 2,
        bold=_is_bold(layer, first),
        upright=abs((_angle(layer, first) - turn.rotation + 180) % 360 - 180) <= TILT,
    )


def _is_bold(layer: PdfTextPage, index: int) -> bool:
    name, flags = ctypes.create_string_buffer(FONT_NAME), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(layer, index, name, FONT_NAME, ctypes.byref(flags))
    return pdfium.FPDFText_GetFontWeight(layer, index) >= BOLD_WEIGHT or BOLD_NAME.search(name.value.decode("latin-1")) is not None


def fragments(words: Iterable[Word]) -> list[Fragment]:
    """The upright words joined to fragments, in rows from the top."""
    upright = [word for word in words if word.upright]
    return [Fragment.of(part) for row in rows(upright) for part in _split(sorted(row, key=lambda word: word.box.x0))]


def tilted(words: Iterable[Word]) -> list[Fragment]:
    """The words at an angle, each run of them in the text layer one fragment."""
    runs = (list(run) for upright, run in groupby(words, key=lambda word: word.upright) if not upright)
    return [Fragment(tuple(run), Box.around(word.box for word in run)) for run in runs]


def rows(words: Iterable[Word]) -> list[list[Word]]:
    """Words by the line they stand on, from the top; small raised or lowered words stay with the line they touch."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (-word.size, word.base)):
        line = next((row for row in found if _on_line(word, row[0])), None)
        if line is None:
            found.append([word])
        else:
            line.append(word)
    return sorted(found, key=lambda row: row[0].base)


def _on_line(word: Word, first: Word) -> bool:
    if abs(word.base - first.base) <= SAME_LINE * min(word.size, first.size):
        return True
    middle = (word.box.top + word.box.bottom) / 2
    return word.size < 0.8 * first.size and first.box.top <= middle <= first.box.bottom


def _split(row: list[Word]) -> Iterator[list[Word]]:
    part: list[Word] = []
    for word in row:
        if part and word.box.x0 - part[-1].box.x1 > FRAGMENT_GAP * max(word.size, part[-1].size):
            yield part
            part = []
        part.append(word)
    if part:
        yield part
