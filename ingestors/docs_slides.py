"""Presentations: a slide's title is a heading, its notes follow its text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from io import BytesIO
from itertools import groupby

import pptx
from pptx.presentation import Presentation

from context_service.model.document import Element, ElementKind
from ingestors.docs_archive import checked_archive
from ingestors.docs_text import Draft
from ingestors.partition import Piece, partition, to_elements, unreadable
from ingestors.text import loss_note, squeeze

TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
PARAGRAPH = "{http://schemas.openxmlformats.org/drawingml/2006/main}p"


def parse_slides(raw: bytes, unpacked_bytes: int) -> Draft:
    """A .pptx: the first slide's title is level 1, every other slide's level 2; the page is the slide's number."""
    checked = checked_archive(raw, unpacked_bytes)
    try:
        presentation = pptx.Presentation(BytesIO(checked))
        notes = _notes(presentation)
        texts = [text for slide in presentation.slides for text in _texts(slide.element)]
        charts = [
            f"slide {number} has a chart, which is not read"
            for number, slide in enumerate(presentation.slides, 1)
            if any(shape.has_chart for shape in slide.shapes)
        ]
        modified = presentation.core_properties.modified
    except Exception as error:  # python-pptx raises whatever a malformed part provokes
        raise unreadable("a presentation", error) from error
    pieces = [piece for piece in partition("pptx", file=BytesIO(checked)) if piece.category != "PageBreak"]
    elements = tuple(_elements(pieces, notes))
    lost = loss_note(texts, elements)
    return Draft(elements, (*charts, *lost), modified=modified and modified.replace(tzinfo=modified.tzinfo or UTC))


def _notes(presentation: Presentation) -> dict[int, str]:
    found = {}
    for number, slide in enumerate(presentation.slides, 1):
        frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if frame is not None and frame.text.strip():
            found[number] = squeeze(frame.text)
    return found


def _texts(slide: object) -> Iterator[str]:
    for paragraph in slide.iter(PARAGRAPH):  # type: ignore[attr-defined]  # python-pptx has no types
        yield "".join(part.text or "" for part in paragraph.iter(TEXT))


def _elements(pieces: list[Piece], notes: dict[int, str]) -> Iterator[Element]:
    told: set[int] = set()
    for page, slide in groupby(pieces, key=lambda piece: piece.metadata.page_number or 1):
        for piece in slide:
            yield from _piece_elements(piece, page)
        if page in notes:
            told.add(page)
            yield _note(notes[page], page)
    for page in sorted(set(notes) - told):
        yield _note(notes[page], page)


def _note(text: str, page: int) -> Element:
    return Element(kind=ElementKind.PARAGRAPH, text=text, page=page)


def _piece_elements(piece: Piece, page: int) -> Iterator[Element]:
    # Depth 0 is the slide's title; deeper titles are the library's guess at short lines.
    if piece.category == "Title" and piece.metadata.category_depth == 0:
        yield Element(kind=ElementKind.HEADING, text=squeeze(piece.text), level=1 if page == 1 else 2, page=page)
    else:
        yield from to_elements([piece], titles=False)
