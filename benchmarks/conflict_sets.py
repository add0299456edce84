"""Sets of real texts that changed over the years, with labels that were set by reading: what the figures for conflicts are taken over.

The labels name document, dates, character positions and hash of each sentence, never its text. The policies were labelled while the rules
were written, and the rules were tuned on one half of them. The Instagram texts were labelled before the rules ever ran on them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from context_service.chunking.chunker import chunk
from context_service.chunking.layout import lay_out
from context_service.conflicts.candidates import keys
from context_service.conflicts.detect import Place, Side, detect
from context_service.conflicts.extract import Source, extract
from context_service.conflicts.words import Vocabulary, plain
from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Limits
from context_service.model.applicability import Window
from context_service.model.document import Content, Parsed
from context_service.model.rivalry import Relation, RivalryKind
from context_service.text import sentences
from ingestors.docs import DocsConnector

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
LABELS = Path(__file__).parent / "labels"
WORD = re.compile(r"[^\W_]+")
FRONT = re.compile(rb"\A---\r?\n.*?\n---\r?\n", re.DOTALL)

SAME_SENTENCE = 0.4
"""Share of words from which a sentence of the newer version is worth reading beside one of the older."""

NEIGHBOURS = 40
"""Nearest claims that one is compared with, as in an ingest."""

FEWEST_WORDS = 3
WRAPPED = 60
"""A line of so many characters without a full stop goes on in the next one."""

_MARK = re.compile(r"^\s*(?:[-*•◦]\s|\d+[.)]\s|#+\s|\*\*)")


@dataclass(frozen=True)
class Collection:
    """Documents in folders below `root`, each with its dated versions; `labels` judges pairs of their sentences."""

    name: str
    root: Path
    labels: Path

    def versions(self, document: str) -> list[Version]:
        return [Version(document, path) for path in sorted((self.root / document).glob("*.md"))]

    def documents(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())

    def consecutive(self) -> list[tuple[Version, Version]]:
        return [pair for document in self.documents() for pair in pairwise(self.versions(document))]


@dataclass(frozen=True)
class Version:
    """One state of a document."""

    document: str
    path: Path

    @property
    def name(self) -> str:
        return f"{self.document}/{self.path.stem}"


@dataclass(frozen=True)
class Pair:
    """Two passages of consecutive versions, by their words."""

    document: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    def within(self, other: Pair) -> bool:
        """Whether both passages stand in the other's or the other way round: a parser may break a sentence where its reader did not."""
        sides = (self.old, other.old), (self.new, other.new)
        return self.document == other.document and all(_holds(a, b) or _holds(b, a) for a, b in sides)


POLICIES = Collection("policies", DATA / "policies" / "history", LABELS / "policies.jsonl")
INSTAGRAM = Collection("instagram", DATA / "versions" / "Markdown" / "Instagram", LABELS / "instagram.jsonl")
COLLECTIONS = (POLICIES, INSTAGRAM)


def words(text: str) -> tuple[str, ...]:
    """The words of a passage, without the marks around them."""
    return tuple(WORD.findall(re.sub(r"<[^>]*>", " ", plain(text)).casefold()))


def labelled(collection: Collection) -> dict[Pair, str]:
    """The labels by the words they stand for. Raises AssertionError when a file is not the one that was labelled."""
    result = {}
    for line in collection.labels.read_text().splitlines():
        row = json.loads(line)
        old, new = (words(_sentence(collection, row["policy"], row[side])) for side in ("old", "new"))
        result[Pair(row["policy"], old, new)] = row["label"]
    return result


def _sentence(collection: Collection, document: str, place: dict[str, str | int]) -> str:
    [path] = (collection.root / document).glob(f"{place['date']}*.md")
    text = path.read_text()[int(place["start"]) : int(place["end"])]
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == place["sha"], f"{document} {place} is not the sentence that was labelled"
    return text


def parsed(version: Version) -> Parsed:
    """A version as the connector reads it."""
    raw = version.path.read_bytes()
    try:
        return parse(version.path.name, raw)
    except TerminalSourceError:  # two of them have front matter that is no YAML
        return parse(version.path.name, FRONT.sub(b"", raw))


def parse(name: str, raw: bytes, media_type: str = "text/markdown") -> Parsed:
    """Bytes as the connector reads them."""
    return DocsConnector.parse(Content(key=name, raw=raw, media_type=media_type, url="", fingerprint=""), Limits())


@cache
def claims(version: Version) -> list[tuple[Side, str]]:
    """The claims of a version, each with its words in the text."""
    return read(parsed(version), version.name)


def read(document: Parsed, name: str) -> list[tuple[Side, str]]:
    """The claims of a document, each with its words in the text, as the ingest reads them."""
    nobody = Vocabulary({}, {})
    place = Place(name, {}, {}, frozenset(), Window())
    found = []
    for number, piece in enumerate(chunk(lay_out(document.elements), lambda text: len(text.split()) * 4 // 3)):
        source = Source(f"{name}#{number}", name, piece.text, document.title, piece.heading_path, piece.table_head)
        spoken = [(claim, piece.text[claim.start : claim.end]) for claim in extract(source, nobody)]
        found += [(Side(claim, place, claim.applies), text) for claim, text in spoken]
    return found


Spoken = list[tuple[Side, str]]


def found_between(old: Spoken, new: Spoken) -> Iterator[tuple[RivalryKind, Relation, str, str]]:
    """Every rivalry between two documents' claims, with the words of both sides: each is held against its nearest, as in an ingest."""
    by_key: dict[int, list[int]] = defaultdict(list)
    for number, (side, _) in enumerate(new):
        for key in keys(side.claim):
            by_key[key].append(number)
    for side, text in old:
        near = Counter(number for key in keys(side.claim) for number in by_key.get(key, ()))
        for number, _ in near.most_common(NEIGHBOURS):
            other, other_text = new[number]
            if rivalry := detect(side, other):
                yield rivalry.kind, rivalry.relation, text, other_text


def changed_sentences(old: str, new: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The spans of sentences of two texts that are worth reading beside each other: each that changed, with the one most like it."""
    gone, came = _only(old, new), _only(new, old)
    found = set()
    for one, other, turned in ((gone, came, False), (came, gone, True)):
        for span, said in one.items():
            near = max(other, key=lambda candidate: _alike(said, other[candidate]), default=None)
            if near and _alike(said, other[near]) >= SAME_SENTENCE:
                found.add((near, span) if turned else (span, near))
    yield from sorted(found)


def _only(text: str, other: str) -> dict[tuple[int, int], tuple[str, ...]]:
    there = {words(other[start:end]) for start, end in whole_sentences(other)}
    spoken = {(start, end): words(text[start:end]) for start, end in whole_sentences(text)}
    return {span: said for span, said in spoken.items() if said not in there and len(said) >= FEWEST_WORDS}


def whole_sentences(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences of a text, over the breaks that a fixed width put into them."""
    flat = list(text)
    lines = [match for match in re.finditer(r"[^\n]+", text) if match.group().strip()]
    for line, following in pairwise(lines):
        if _runs_on(line.group().strip().strip("*").strip(), following.group()):
            flat[line.end() : following.start()] = " " * (following.start() - line.end())
    return sentences("".join(flat))


def _runs_on(line: str, following: str) -> bool:
    if not line or line.endswith((".", "!", "?", ":", ";")) or _MARK.match(following):
        return False
    return following.strip()[:1].islower() or len(line) >= WRAPPED


def _alike(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    return 2 * (Counter(a) & Counter(b)).total() / (len(a) + len(b))


def _holds(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether the words of `a` stand in a row in `b`."""
    return any(b[at : at + len(a)] == a for at in range(len(b) - len(a) + 1)) if a else False
