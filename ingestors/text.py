"""Text as all connectors leave it: one normal form, no control characters, and a way to count what got lost."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from context_service.model.document import Element, ElementKind

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
WORD = re.compile(r"\w+")
NAMED = 5
"""How many lost words a note names."""
FALLBACK_NOTE = "not valid UTF-8; read as Windows-1252"


def clean(text: str) -> str:
    """`text` in NFC with `\\n` line ends, without control characters or ligatures, lone surrogates replaced by U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return unicodedata.normalize("NFC", CONTROL.sub("", text).translate(LIGATURES))


def squeeze(text: str) -> str:
    """`clean` text on one line, each run of white space made a single space."""
    return " ".join(clean(text).split())


def decode(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of `raw` and a note where it is not valid UTF-8 and had to be read as Windows-1252."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if raw.startswith(mark):
            try:
                return clean(raw.decode(encoding)), ()
            except UnicodeDecodeError:
                continue
    return clean(raw.decode("cp1252", "replace")), (FALLBACK_NOTE,)


def small_number(text: str | None, default: int) -> int:
    """The number that an attribute holds, `default` where it holds none or one of more than six digits."""
    return int(text) if text and text.isdecimal() and len(text) <= 6 else default


def row_text(cells: Iterable[str]) -> str:
    """A table row as an element's text: its cells joined by ` | `, an empty cell kept as empty."""
    return " | ".join(squeeze(cell) for cell in cells)


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs in `texts`, by case-folded word."""
    return Counter(word for text in texts for word in WORD.findall(clean(text).casefold()))


def loss_note(expected: Iterable[str], elements: Iterable[Element]) -> tuple[str, ...]:
    """A note that names words of `expected` which `elements` lack; empty when nothing was lost."""
    lost = word_counts(expected) - word_counts(element.text for element in elements)
    if not lost:
        return ()
    return (f"{lost.total()} words were not read, such as: {', '.join(list(lost)[:NAMED])}",)


def first_title(elements: Iterable[Element], fallback: str) -> str:
    """The first heading of level 1, else `fallback`."""
    return next((element.text for element in elements if element.kind == ElementKind.HEADING and element.level == 1), fallback)
