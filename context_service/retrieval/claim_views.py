"""A document's claims as people read them: stems become words again, and each claim stands in the order of the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from context_service.conflicts.lasting import passage_words
from context_service.conflicts.words import WORD, content_stem, plain
from context_service.model.base import Value
from context_service.model.claim import Claim, Modality, TypedValue
from context_service.model.document import Chunk
from context_service.model.rivalry import Passage

Spelled = Mapping[str, str]
"""A stem -> the word that first stands for it in a text."""


class ClaimView(Value):
    """What one sentence, list or table cell says, as it is compared with other texts."""

    id: str
    chunk: str = Field(description="Chunk that says it.")
    start: int = Field(description="First character in the chunk's text.")
    end: int = Field(description="Character after it; equal to `start` where a heading says it.")
    text: str = Field(description="Its words.")
    subject: tuple[str, ...] = Field(description="The words that tell what it is about, values left out.")
    attribute: tuple[str, ...] = Field(description="The words of a label or column that says what is measured.")
    values: tuple[TypedValue, ...]
    modality: Modality
    condition: str | None
    exception: str | None
    applies: dict[str, tuple[str, ...]] = Field(description="The company's regions, plans and products that it names.")


def claim_views(claims: Iterable[Claim], chunks: Sequence[Chunk], title: str) -> list[ClaimView]:
    """The claims of `chunks` (those of one document, in order), as they follow each other in the text."""
    by_id = {chunk.id: chunk for chunk in chunks}
    spelled = {chunk.id: _spelled(f"{chunk.text}\n{title}\n{' '.join(chunk.heading_path)}") for chunk in chunks}
    ordered = sorted(claims, key=lambda claim: (by_id[claim.chunk].ordinal, claim.start, -claim.end, claim.id))
    return [_view(claim, by_id[claim.chunk], title, spelled[claim.chunk]) for claim in ordered]


def _view(claim: Claim, chunk: Chunk, title: str, around: Spelled) -> ClaimView:
    passage = Passage(chunk=claim.chunk, start=claim.start, end=claim.end)
    text = passage_words(passage, chunk.text, (title, *chunk.heading_path))
    said = _spelled(text)
    words = {**said, **{stem: word for stem, word in around.items() if stem not in said}}
    return ClaimView(
        id=str(claim.id),
        chunk=claim.chunk,
        start=claim.start,
        end=claim.end,
        text=text,
        subject=_words(words, claim.subject - claim.label),
        attribute=_words(words, claim.label),
        values=claim.values,
        modality=claim.modality,
        condition=claim.condition,
        exception=claim.exception,
        applies={name: tuple(sorted(values)) for name, values in sorted(claim.applies.items())},
    )


def _spelled(text: str) -> Spelled:
    found: dict[str, str] = {}
    for word in WORD.findall(plain(text)):
        stem = content_stem(word.casefold())
        if stem:
            found.setdefault(stem, word)
    return found


def _words(spelled: Spelled, stems: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for stem, word in spelled.items() if stem in stems)
