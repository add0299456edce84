"""How much of a PDF's text and headings the connector brings out, held against the same document in Markdown.

Run:  python benchmarks/pdf_parsing.py [FOLDER]

FOLDER holds `PDF/.../NAME.pdf` with `Markdown/.../NAME.md`; the default is `../shared/data/versions`. Recall and precision
count words (as a multiset, and as the longest common subsequence, which also asks for the order); a line that is bold
throughout is taken for a heading of the Markdown.
"""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Limits
from context_service.model.document import Content, ElementKind, Parsed
from ingestors.pdf import PdfConnector

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "versions"
WORD = re.compile(r"\w+")
BOLD_LINE = re.compile(r"^\*\*([^*\n]+)\*\*\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Score:
    """Shares of words and headings found, the pages, and the CPU seconds it took."""

    name: str
    recall: float
    precision: float
    in_order: float
    headings: float
    pages: int
    seconds: float


def words(text: str) -> list[str]:
    """Words as both sides write them: `&apos` is what the Markdown left of an apostrophe."""
    return WORD.findall(unicodedata.normalize("NFKC", text.replace("&apos", "'")).casefold())


def parse(path: Path) -> Parsed:
    content = Content(key=path.name, raw=path.read_bytes(), media_type="application/pdf", url=path.name, fingerprint="")
    return PdfConnector.parse(content, Limits())


def bold_words(markdown: str) -> list[str]:
    """The words of lines that are bold throughout; where one heading ends and the next begins is not told there."""
    return [word for found in BOLD_LINE.findall(markdown) for word in words(found)]


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the common subsequence that a diff finds, a lower bound of the longest."""
    return sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())


def score(pdf: Path, markdown: str) -> Score:
    start = time.process_time()
    parsed = parse(pdf)
    seconds = time.process_time() - start
    expected, found = words(markdown), words(" ".join(element.text for element in parsed.elements))
    both = (Counter(expected) & Counter(found)).total()
    wanted = bold_words(markdown)
    headings = words(" ".join(element.text for element in parsed.elements if element.kind == ElementKind.HEADING))
    return Score(
        name=pdf.stem,
        recall=both / max(1, len(expected)),
        precision=both / max(1, len(found)),
        in_order=common(expected, found) / max(1, len(expected)),
        headings=common(wanted, headings) / max(1, len(wanted)),
        pages=max(element.page or 1 for element in parsed.elements),
        seconds=seconds,
    )


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not root.is_dir():
        print(f"{root} is not there; nothing measured")
        return
    scores = []
    print(f"{'file':44} {'recall':>7} {'precis.':>7} {'order':>7} {'headings':>8} {'s':>6}")
    for pdf in sorted((root / "PDF").rglob("*.pdf")):
        twin = root / "Markdown" / pdf.relative_to(root / "PDF").with_suffix(".md")
        if not twin.is_file():
            continue
        try:
            found = score(pdf, twin.read_text(encoding="utf-8", errors="replace"))
        except TerminalSourceError as error:
            print(f"{pdf.stem[:44]:44} {error}")
            continue
        scores.append(found)
        shares = f"{found.recall:7.4f} {found.precision:7.4f} {found.in_order:7.4f} {found.headings:8.3f}"
        print(f"{found.name[:44]:44} {shares} {found.seconds:6.2f}")
    speed = sum(found.pages for found in scores) / sum(found.seconds for found in scores)
    lowest = f"lowest recall {min(found.recall for found in scores):.4f}, in order {min(found.in_order for found in scores):.4f}"
    print(f"{len(scores)} files, {speed:.0f} pages per CPU second; {lowest}")


if __name__ == "__main__":
    main()
