"""Contextual chunks: split where the document is split, never across sections, never inside a table row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from context_service.chunking.layout import TABULAR, Block, Layout
from context_service.model.document import ChunkKind, ElementKind, Span
from context_service.text import sentences

CHUNKER_VERSION = "2"
"""Changes whenever the same text would be cut differently; documents are then processed again."""

TARGET_TOKENS = 200
"""Size a chunk grows to, in the embedder's tokens: well inside a 256-token window together with its header."""

CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Piece:
    """A chunk before it has a name: its place, its text, its headings, and the table head that its rows stand under."""

    kind: ChunkKind
    span: Span
    text: str
    heading_path: tuple[str, ...]
    table_head: str
    tokens: int


def chunk(layout: Layout, count_tokens: CountTokens, target: int = TARGET_TOKENS) -> list[Piece]:
    """Cut a laid-out document into pieces of at most about `target` tokens, in order.

    A section is the blocks between two headings. A block larger than the target is cut between sentences, and a sentence larger than
    that between words; a table row stays whole at any size. A heading with nothing under it becomes a piece itself, so that no text is
    left out.
    """
    pieces = (piece for section in _sections(layout.blocks) for piece in _cut(layout.text, section, count_tokens, target))
    return sorted(pieces, key=lambda piece: piece.span.start)


@dataclass(frozen=True)
class _Section:
    heading_path: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class _Part:
    """Something that is never cut: a sentence, a row, or a stretch of words."""

    start: int
    end: int
    page: int | None
    tokens: int
    tabular: bool
    table_head: str


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    for i, block in enumerate(blocks):
        if block.kind is ElementKind.HEADING and _bare(blocks, i):
            yield _Section(block.heading_path, (block,))
    bodies = [(i, block) for i, block in enumerate(blocks) if block.kind is not ElementKind.HEADING]
    last_heading = _last_headings(blocks)
    for _, group in groupby(bodies, key=lambda pair: last_heading[pair[0]]):
        body = tuple(block for _, block in group)
        yield _Section(body[0].heading_path, body)


def _bare(blocks: Sequence[Block], i: int) -> bool:
    """Whether a heading has neither text nor a deeper heading under it; those are the only ones no other piece would name."""
    if i + 1 == len(blocks):
        return True
    following = blocks[i + 1]
    return following.kind is ElementKind.HEADING and len(following.heading_path) <= len(blocks[i].heading_path)


def _last_headings(blocks: Sequence[Block]) -> list[int]:
    result, last = [], -1
    for i, block in enumerate(blocks):
        last = i if block.kind is ElementKind.HEADING else last
        result.append(last)
    return result


def _cut(text: str, section: _Section, count_tokens: CountTokens, target: int) -> Iterator[Piece]:
    parts = list(_parts(text, section.blocks, count_tokens, target))
    pile: list[_Part] = []
    size = 0
    whole = sum(part.tokens for part in parts) <= target
    for part in parts:
        new_sort = bool(pile) and part.tabular != pile[-1].tabular and not whole
        if pile and (size + part.tokens > target or new_sort):
            yield _piece(text, section, pile)
            pile, size = [], 0
        pile.append(part)
        size += part.tokens
    if pile:
        yield _piece(text, section, pile)


def _parts(text: str, blocks: Sequence[Block], count_tokens: CountTokens, target: int) -> Iterator[_Part]:
    table_head = ""
    for block in blocks:
        body = text[block.start : block.end]
        if block.kind is ElementKind.TABLE_HEAD:
            table_head = body
        if block.kind not in TABULAR:
            table_head = ""
        tokens = count_tokens(body)
        whole = block.kind in TABULAR or tokens <= target
        spans = [(0, len(body), tokens)] if whole else _fitting_spans(body, count_tokens, target)
        for start, end, cost in spans:
            yield _Part(block.start + start, block.start + end, block.page, cost, block.kind in TABULAR, table_head)


def _fitting_spans(body: str, count_tokens: CountTokens, target: int) -> Iterator[tuple[int, int, int]]:
    """Spans that are at most the target, each with its tokens: counting costs, so nothing is counted twice."""
    for start, end in sentences(body):
        yield from _stretches(body, start, end, count_tokens, target)


def _stretches(body: str, start: int, end: int, count_tokens: CountTokens, target: int) -> Iterator[tuple[int, int, int]]:
    """The sentence if it fits, else stretches of it that do: as long as the average word allows, and cut again if that was too long."""
    size = count_tokens(body[start:end])
    if size <= target or end - start == 1:
        yield start, end, size
        return
    for left, right in _word_spans(body, start, end, max(1, (end - start) * target // size)):
        yield from _stretches(body, left, right, count_tokens, target)


def _word_spans(body: str, start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most `length` characters, cut at white space where there is any."""
    while end - start > length:
        space = body.rfind(" ", start + 1, start + length + 1)
        cut = space if space > start else start + length
        yield start, cut
        start = cut + 1 if space > start else cut
    if start < end:
        yield start, end


def _piece(text: str, section: _Section, parts: Sequence[_Part]) -> Piece:
    first, last = parts[0], parts[-1]
    pages = [part.page for part in parts if part.page is not None]
    rows = [part for part in parts if part.tabular]
    head = rows[0].table_head if rows else ""
    body = text[first.start : last.end]
    return Piece(
        kind=ChunkKind.TABLE if rows else ChunkKind.PROSE,
        span=Span(start=first.start, end=last.end, page_from=min(pages, default=None), page_to=max(pages, default=None)),
        text=body,
        heading_path=section.heading_path,
        table_head="" if head in body else head,
        tokens=sum(part.tokens for part in parts),
    )
