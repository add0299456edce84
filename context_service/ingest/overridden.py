"""Owners' overrides over a document's state. Pure, and without the source: what a state was before them is kept beside it.

A replacement binds words, wherever the text says them and however its white space runs. It reaches running text and tables; headings say
where a text stands and are changed at the source. A chunk that loses all its words goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from context_service.chunking.chunker import Piece
from context_service.ingest.prepare import Prepared, assembled, version_of
from context_service.model.change import OwnerOverrides, Replacement
from context_service.model.document import Chunk, Governance, Overridden, SourcePiece, Version
from context_service.model.source import Company

CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Cut:
    """Characters `start` to `end` of the source's text, and what stands in their place."""

    start: int
    end: int
    replacement: str


def overridden(state: Prepared, overrides: OwnerOverrides, company: Company, count_tokens: CountTokens) -> Prepared:
    """`state`, which is as its source gives it, with an owner's overrides above it. What cannot be applied is named in `orphans`."""
    if overrides.empty:
        return state
    pieces = pieces_of(state.version, state.chunks)
    governance, strangers = _governed(state.revision.governance, overrides, company)
    cuts, lost = find_cuts(state.version.text, pieces, overrides.texts)
    told = _Edited(state.version.text, cuts)
    made = Overridden(
        overrides=overrides,
        governance=state.revision.governance,
        text=state.version.text if cuts else None,
        pieces=tuple(_source_piece(piece) for piece in pieces) if cuts else (),
        orphans=(*strangers, *(_complaint(one) for one in lost)),
    )
    revision = state.revision.model_copy(update={"governance": governance, "overridden": made})
    version = version_of(told.text) if cuts else state.version
    kept = [new for piece in pieces if (new := told.piece(piece, overrides.texts, count_tokens))] if cuts else pieces
    return assembled(revision, version, kept)


def as_at_source(state: Prepared) -> Prepared:
    """A stored state without its overrides."""
    before = state.revision.overridden
    if before is None:
        return state
    bare = state.revision.model_copy(update={"governance": before.governance, "overridden": None})
    if before.text is None:
        return assembled(bare, state.version, pieces_of(state.version, state.chunks))
    version = version_of(before.text)
    return assembled(bare, version, pieces_of(version, before.pieces))


def in_draft(state: Prepared, draft: int) -> Prepared:
    """The same state as a new one of `draft`."""
    revision = state.revision.model_copy(update={"added_in": draft, "removed_in": None})
    return assembled(revision, state.version, pieces_of(state.version, state.chunks))


def pieces_of(version: Version, chunks: Iterable[Chunk | SourcePiece]) -> list[Piece]:
    """Stored chunks as pieces of their text again."""
    return [
        Piece(
            kind=one.kind,
            span=one.span,
            text=version.text[one.span.start : one.span.end],
            heading_path=one.heading_path,
            table_head=one.table_head,
            tokens=one.tokens,
        )
        for one in chunks
    ]


def find_cuts(text: str, pieces: Sequence[Piece], texts: Iterable[Replacement]) -> tuple[list[Cut], list[Replacement]]:
    """Where the replacements apply, in the text's order, and those that apply nowhere."""
    open_text = _Open(text, pieces)
    cuts: list[Cut] = []
    lost = []
    for one in texts:
        found = [Cut(*match.span(), one.replacement) for match in _pattern(one).finditer(text) if open_text.holds(*match.span())]
        free = [cut for cut in found if all(cut.end <= other.start or other.end <= cut.start for other in cuts)]
        cuts += free
        if not free:
            lost.append(one)
    return sorted(cuts, key=lambda cut: cut.start), lost


def _complaint(lost: Replacement) -> str:
    return f"The source no longer says “{shortened(lost.bound)}”, so its replacement is not told."


def _governed(governance: Governance, overrides: OwnerOverrides, company: Company) -> tuple[Governance, list[str]]:
    update: dict[str, object] = {
        name: value for name in ("applicability", "effective", "status") if (value := getattr(overrides, name)) is not None
    }
    tier = overrides.authority
    if tier is None or tier in company.authority:
        update |= {} if tier is None else {"authority": tier, "rank": company.authority[tier]}
        return governance.model_copy(update=update), []
    return governance.model_copy(update=update), [f"The authority tier `{tier}` is no longer declared, so the source's own stands."]


class _Open:
    """The stretches of a text that a replacement may reach: those of its pieces that are no headings."""

    def __init__(self, text: str, pieces: Iterable[Piece]) -> None:
        self._text = text
        self._spans = [(one.span.start, one.span.end) for one in pieces if not _is_heading(one)]

    def holds(self, start: int, end: int) -> bool:
        """Whether every word between `start` and `end` lies in them."""
        at = start
        for left, right in self._spans:
            if right <= at:
                continue
            if left >= end:
                break
            if self._text[at:left].strip():
                return False
            at = min(right, end)
        return not self._text[at:end].strip()


class _Edited:
    """A text with its cuts made, and where its characters have gone."""

    def __init__(self, text: str, cuts: Sequence[Cut]) -> None:
        self._cuts: list[tuple[Cut, int]] = []
        parts, at, position = [], 0, 0
        for cut in cuts:
            kept = text[at : cut.start]
            position += len(kept)
            self._cuts.append((cut, position))
            parts += [kept, cut.replacement]
            position += len(cut.replacement)
            at = cut.end
        self.text = "".join([*parts, text[at:]])

    def piece(self, piece: Piece, texts: Iterable[Replacement], count_tokens: CountTokens) -> Piece | None:
        """The piece as it stands now; None when nothing is left of it. Words that run over several pieces are replaced in the first."""
        start, end = self._trimmed(self._moved(piece.span.start), self._moved(piece.span.end))
        if start >= end:
            return None
        body = self.text[start:end]
        return replace(
            piece,
            span=piece.span.model_copy(update={"start": start, "end": end}),
            text=body,
            table_head=_replaced(piece.table_head, texts),
            tokens=piece.tokens if body == piece.text else count_tokens(body),
        )

    def _moved(self, at: int) -> int:
        """Where the boundary `at` is now; one within a cut goes to the end of what replaced it."""
        shift = 0
        for cut, start in self._cuts:
            if at <= cut.start:
                break
            if at < cut.end:
                return start + len(cut.replacement)
            shift += len(cut.replacement) - (cut.end - cut.start)
        return at + shift

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        body = self.text[start:end]
        return end - len(body.lstrip()), start + len(body.rstrip())


def _replaced(text: str, texts: Iterable[Replacement]) -> str:
    for one in texts:
        text = one.replacement.join(_pattern(one).split(text))
    return text


def _pattern(one: Replacement) -> re.Pattern[str]:
    """The words as whole words, over any white space; words that go take the space before them along."""
    words = r"\s+".join(re.escape(word) for word in one.passage.split())
    before = r"(?<!\w)" if one.bound[0].isalnum() else ""
    after = r"(?!\w)" if one.bound[-1].isalnum() else ""
    return re.compile(("" if one.replacement.strip() else " *") + before + words + after)


def _is_heading(piece: Piece) -> bool:
    return piece.text.split() == " ".join(piece.heading_path[-1:]).split()


def _source_piece(piece: Piece) -> SourcePiece:
    return SourcePiece(kind=piece.kind, span=piece.span, heading_path=piece.heading_path, table_head=piece.table_head, tokens=piece.tokens)


def shortened(words: str) -> str:
    """The first words of a long passage, to name it by."""
    return words if len(words) <= 80 else f"{words[:79]}…"
