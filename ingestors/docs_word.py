"""Word documents. `unstructured` reads the paragraphs and tables; what it would lose is put where it looks for it first.

It does not look into content controls, tracked insertions, text boxes, formulas and footnotes, and gives a Title and a
Heading 1 the same depth. Headings and code are marked in their text by characters that no document uses, because changing
a paragraph's style would change its automatic number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from io import BytesIO

import docx
from docx.document import Document
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.text.paragraph import Paragraph

from context_service.model.document import Element, ElementKind
from ingestors.docs_archive import checked_archive
from ingestors.docs_text import Draft
from ingestors.partition import Piece, partition, to_elements, unreadable
from ingestors.text import clean, loss_note, squeeze

MARK = 0xE000
"""Marks are private characters from here: `MARK + level` for a heading, `MARK + CODE` for code."""
CODE = 15
MARKED = re.compile(f"[{chr(MARK)}-{chr(MARK + CODE)}]")
CODE_STYLES = ("source code", "code", "html preformatted", "plain text", "macro text")
REMOVED = ("w:del", "w:moveFrom", "mc:Fallback", "w:sdtPr", "w:sdtEndPr", "w:lastRenderedPageBreak")
UNWRAPPED = ("w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:fldSimple", "w:sdtContent", "w:sdt", "mc:Choice", "mc:AlternateContent")
NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
DEEPEST = 9


def parse_word(raw: bytes, unpacked_bytes: int) -> Draft:
    """A .docx with true heading levels: below a Title, Heading 1 is level 2. Page headers and footers go to the notes."""
    checked = checked_archive(raw, unpacked_bytes)
    try:
        document = docx.Document(BytesIO(checked))
        struck = _reduce(document)
        _mark(document)
        reduced = BytesIO()
        document.save(reduced)
        modified = document.core_properties.modified
        texts = [_text(paragraph) for paragraph in document.element.body.iter(qn("w:p"))]
    except Exception as error:  # python-docx raises whatever a malformed part provokes
        raise unreadable("a Word document", error) from error
    pieces = partition("docx", file=reduced)
    elements = tuple(_elements(pieces))
    running = tuple(
        f"running {piece.category.lower()}: {squeeze(piece.text)}" for piece in pieces if piece.category in ("Header", "Footer")
    )
    lost = loss_note((MARKED.sub("", text) for text in texts), elements)
    return Draft(elements, running + struck + lost, modified=modified and modified.replace(tzinfo=modified.tzinfo or UTC))


def _reduce(document: Document) -> tuple[str, ...]:
    """Leave plain paragraphs, runs and tables in the body; gives a note for each passage that was struck out or hidden."""
    body = document.element.body
    for node in _all(body, *REMOVED):
        node.getparent().remove(node)
    for node in reversed(_all(body, *UNWRAPPED)):
        _replace(node, list(node))
    for node in _all(body, "m:oMath"):
        _replace(node, [_run("".join(part.text or "" for part in _all(node, "m:t")))])
    for node in _all(body, "m:oMathPara"):
        _replace(node, list(node))
    for box in _all(body, "w:txbxContent"):
        _move_out(box)
    struck = [_strike(run) for run in _all(body, "w:r")]
    _append_footnotes(document)
    return tuple(f"struck out or hidden, left out: {squeeze(text)}" for text in struck if text.strip())


def _all(node: BaseOxmlElement, *tags: str) -> list[BaseOxmlElement]:
    return list(node.iter(*(f"{{{NAMESPACES[tag.split(':')[0]]}}}{tag.split(':')[1]}" for tag in tags)))


def _text(node: BaseOxmlElement) -> str:
    return "".join(part.text or " " for part in _all(node, "w:t", "w:br", "w:cr", "w:tab"))


def _run(text: str) -> BaseOxmlElement:
    run, part = OxmlElement("w:r"), OxmlElement("w:t")
    part.text = clean(text)
    part.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    run.append(part)
    return run


def _replace(node: BaseOxmlElement, by: list[BaseOxmlElement]) -> None:
    parent = node.getparent()
    at = parent.index(node)
    parent[at : at + 1] = by


def _move_out(box: BaseOxmlElement) -> None:
    """Put the paragraphs of a text box behind the paragraph that it is anchored in."""
    anchor = next((node for node in box.iterancestors(qn("w:p"))), None)
    if anchor is None:
        return
    for block in reversed(list(box)):
        anchor.addnext(block)


def _strike(run: BaseOxmlElement) -> str:
    """Empty a run that is struck out or hidden; gives what it said."""
    marks = [node for node in _all(run, "w:strike", "w:dstrike", "w:vanish") if node.getparent().getparent() is run]
    if all(mark.get(qn("w:val")) in ("0", "false", "off") for mark in marks):
        return ""
    text = _text(run)
    for part in _all(run, "w:t"):
        part.getparent().remove(part)
    return text


def _append_footnotes(document: Document) -> None:
    body = document.element.body
    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.endswith(("/footnotes", "/endnotes")):
            continue
        for note in _all(parse_xml(relation.target_part.blob), "w:footnote", "w:endnote"):
            if note.get(qn("w:type")) in (None, "normal"):
                body.extend(_all(note, "w:p"))
    settings = body.find(qn("w:sectPr"))
    if settings is not None:
        body.append(settings)  # The body's own settings stand last.


def _mark(document: Document) -> None:
    body = document.element.body
    for part in _all(body, "w:t"):
        part.text = MARKED.sub("", part.text or "")
    outside_tables = (node for node in _all(body, "w:p") if next(node.iterancestors(qn("w:tbl")), None) is None)
    paragraphs = [Paragraph(node, document._body) for node in outside_tables]
    titled = any(_style(paragraph) == "title" and paragraph.text.strip() for paragraph in paragraphs)
    for paragraph in paragraphs:
        mark = CODE if _style(paragraph) in CODE_STYLES else _level(paragraph, int(titled))
        if mark and _text(paragraph._p).strip():
            properties = paragraph._p.pPr
            paragraph._p.insert(0 if properties is None else 1, _run(chr(MARK + mark)))


def _style(paragraph: Paragraph) -> str:
    return ((paragraph.style and paragraph.style.name) or "").lower()


def _level(paragraph: Paragraph, shift: int) -> int:
    """Depth of a heading by its style or outline level; 0 for any other paragraph. A title above moves headings down by `shift`."""
    if _style(paragraph) == "title":
        return 1
    style = paragraph.style
    holders = [paragraph._p]
    while style is not None:
        if found := re.fullmatch(r"heading ([1-9])", (style.name or "").lower()):
            return min(int(found[1]) + shift, DEEPEST)
        holders.append(style.element)
        style = style.base_style
    outline = next((value for holder in holders for value in holder.xpath("./w:pPr/w:outlineLvl/@w:val")), "9")
    return min(int(outline) + 1 + shift, DEEPEST) if outline in "012345678" else 0


def _elements(pieces: list[Piece]) -> Iterator[Element]:
    code: list[str] = []
    for piece in pieces:
        marks = MARKED.findall(piece.text) if piece.category != "Table" else []
        mark = ord(marks[0]) - MARK if marks else 0
        if mark != CODE and code:
            yield Element(kind=ElementKind.CODE, text="\n".join(code))
            code = []
        text = MARKED.sub("", piece.text)
        if mark == CODE:
            code.append(clean(text).rstrip())
        elif mark:
            yield Element(kind=ElementKind.HEADING, text=squeeze(text), level=mark, page=piece.metadata.page_number)
        else:
            yield from to_elements([piece], titles=False)
    if code:
        yield Element(kind=ElementKind.CODE, text="\n".join(code))
