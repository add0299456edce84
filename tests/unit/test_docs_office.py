"""Word, PowerPoint and Excel files, and CSV."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from importlib.util import find_spec

import docx
import openpyxl
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.util import Inches

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Limits
from ingestors.partition import MODEL
from tests.parsing import outline, parse

W = nsdecls("w")


def saved(document: object) -> bytes:
    file = io.BytesIO()
    document.save(file)  # type: ignore[attr-defined]  # the office libraries have no types
    return file.getvalue()


def test_headings_have_their_true_levels_below_a_title() -> None:
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Part", 1)
    document.add_heading("Chapter", 2)
    document.add_paragraph("Text of it.")
    assert outline(parse("a.docx", saved(document))) == ["h1 Handbook", "h2 Part", "h3 Chapter", "p Text of it."]


def test_without_a_title_heading_1_is_level_1() -> None:
    document = docx.Document()
    document.add_heading("Part", 1)
    document.add_paragraph("A short line", style="Subtitle")
    styled = document.styles.add_style("Our Section", WD_STYLE_TYPE.PARAGRAPH)
    styled.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="1"/>'))
    document.add_paragraph("Section", style="Our Section")
    assert outline(parse("a.docx", saved(document))) == ["h1 Part", "p A short line", "h2 Section"]


def test_a_heading_in_a_table_is_a_cell() -> None:
    document = docx.Document()
    table = document.add_table(2, 2)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), "Plan Days Plus 30".split(), strict=True):
        cell.paragraphs[0].text, cell.paragraphs[0].style = text, "Heading 2"
    assert outline(parse("a.docx", saved(document))) == ["th Plan | Days", "tr Plus | 30"]


def test_footnotes_follow_the_text() -> None:
    document = docx.Document()
    document.add_paragraph("Some text.")
    notes = f"<w:footnotes {W}><w:footnote w:id='1'><w:p><w:r><w:t>A note below.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    part = Part(PackURI("/word/footnotes.xml"), "application/xml", notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert outline(parse("a.docx", saved(document))) == ["p Some text.", "p A note below."]


def test_lists_tables_and_code_are_told_apart() -> None:
    document = docx.Document()
    document.add_paragraph("one thing", style="List Bullet")
    document.add_paragraph("first step", style="List Number")
    table = document.add_table(3, 3)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), "A B C a b c d e f".split(), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "a d"
    document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    for line in ("if x:", "    run()"):
        document.add_paragraph(line, style="Source Code")
    document.add_paragraph("After the code.")
    assert outline(parse("a.docx", saved(document))) == [
        "- one thing",
        "- 1. first step",
        "th A | B | C",
        "tr a d | b | c",
        "tr  | e | f",
        "code if x:\n    run()",
        "p After the code.",
    ]


def test_what_the_partitioner_does_not_look_into_is_read_too() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Before")._p
    body = document.element.body
    control = parse_xml(f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>In a content control.</w:t></w:r></w:p></w:sdtContent></w:sdt>")
    tracked = parse_xml(
        f"<w:p {W}><w:r><w:t>Refunds take </w:t></w:r><w:del><w:r><w:delText>30</w:delText></w:r></w:del>"
        f"<w:ins><w:r><w:t>14 days.</w:t></w:r></w:ins></w:p>"
    )
    box = parse_xml(
        f'<w:r {W}><w:pict><v:shape xmlns:v="urn:schemas-microsoft-com:vml"><v:textbox><w:txbxContent>'
        "<w:p><w:r><w:t>In a text box.</w:t></w:r></w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    )
    paragraph.append(box)
    for node in (control, tracked):
        body.insert(len(body) - 1, node)
    assert outline(parse("a.docx", saved(document))) == [
        "p Before",
        "p In a text box.",
        "p In a content control.",
        "p Refunds take 14 days.",
    ]


def test_struck_out_and_hidden_text_is_left_out_and_told() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Refunds take ")
    paragraph.add_run("30 days ").font.strike = True
    paragraph.add_run("14 days.")
    paragraph.add_run("ignore me").font.hidden = True
    parsed = parse("a.docx", saved(document))
    assert outline(parsed) == ["p Refunds take 14 days."]
    assert parsed.notes == ("struck out or hidden, left out: 30 days", "struck out or hidden, left out: ignore me")


def test_page_headers_go_to_the_notes_and_the_date_comes_from_the_properties() -> None:
    document = docx.Document()
    document.add_paragraph("Some text.")
    document.sections[0].header.paragraphs[0].text = "Internal use"
    document.core_properties.modified = datetime.fromisoformat("2026-04-01T09:30")
    parsed = parse("a.docx", saved(document))
    assert outline(parsed) == ["p Some text."]
    assert parsed.notes == ("running header: Internal use",)
    assert parsed.modified == datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def test_a_paragraph_over_a_page_break_stays_one() -> None:
    document = docx.Document()
    run = document.add_heading("One heading", 1).runs[0]
    run._r.insert(0, parse_xml(f"<w:lastRenderedPageBreak {W}/>"))
    assert outline(parse("a.docx", saved(document))) == ["h1 One heading"]


def test_slides_are_headed_by_their_titles_and_followed_by_their_notes() -> None:
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Onboarding", "Autumn 2026"
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "Prices"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for at, text in enumerate(("Plan", "EUR", "Plus", "9.99")):
        table.cell(at // 2, at % 2).text = text
    second.notes_slide.notes_text_frame.text = "Say it slowly."
    parsed = parse("a.pptx", saved(deck))
    assert outline(parsed) == ["h1 Onboarding", "p Autumn 2026", "h2 Prices", "th Plan | EUR", "tr Plus | 9.99", "p Say it slowly."]
    assert [element.page for element in parsed.elements] == [1, 1, 2, 2, 2, 2]


def test_each_block_of_a_sheet_is_a_table_of_what_a_reader_sees() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Plans"
    rows: list[list[object]] = [
        ["Prices 2026"],
        ["SKU", "Price", "Share", "From", "Note"],
        ["007", 9.5, 0.125, date(2026, 1, 1), "N/A"],
        ["008", 10, None, datetime.fromisoformat("2026-01-01T08:30"), "line\nbreak"],
        [],
        ["Only", "two"],
        ["a", True],
    ]
    for row in rows:
        sheet.append(row)
    sheet["B3"].number_format, sheet["C3"].number_format = "0.00", "0.0%"
    sheet["G3"], sheet["H3"], sheet["G4"], sheet["H4"] = "Side", "table", "x", 1
    hidden = book.create_sheet("Drafts")
    hidden["A1"], hidden.sheet_state = "secret", "hidden"
    parsed = parse("price-list.xlsx", saved(book))
    assert outline(parsed) == [
        "h2 Plans",
        "p Prices 2026",
        "th SKU | Price | Share | From | Note",
        "tr 007 | 9.50 | 12.5% | 2026-01-01 | N/A",
        "tr 008 | 10 |  | 2026-01-01 08:30 | line break",
        "th Side | table",
        "tr x | 1",
        "th Only | two",
        "tr a | TRUE",
    ]
    assert parsed.title == "price-list"
    assert parsed.notes == ("hidden sheet left out: Drafts",)


def test_formulas_without_a_stored_result_are_told() -> None:
    book = openpyxl.Workbook()
    for row in (["a", "b"], [1, "=A2*2"]):
        book.active.append(row)
    parsed = parse("a.xlsx", saved(book))
    assert outline(parsed) == ["h2 Sheet", "th a | b", "tr 1 | "]
    assert parsed.notes == ("1 formulas have no stored result and were not read",)


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"a,b\n1,2\n", ["th a | b", "tr 1 | 2"]),
        ("name;price\r\nMüller;9,99\r\nNA;\r\n".encode(), ["th name | price", "tr Müller | 9,99", "tr NA | "]),
        (b"a\tb\n\n007\tnull\n", ["th a | b", "tr 007 | null"]),
        (b'a,b\n"x, y","two\nlines"\n', ["th a | b", "tr x, y | two lines"]),
        (b"a,b\n1\n1,2,3\n", ["th a | b | ", "tr 1 |  | ", "tr 1 | 2 | 3"]),
        (b"only one column\nof text\n", ["th only one column", "tr of text"]),
    ],
)
def test_separated_values_are_one_table(raw: bytes, rows: list[str]) -> None:
    assert outline(parse("a.csv", raw)) == rows


def zipped(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def lying(raw: bytes, real: int, told: int) -> bytes:
    """The archive with its directory claiming a smaller size."""
    return raw.replace(real.to_bytes(4, "little"), told.to_bytes(4, "little"))


@pytest.mark.parametrize("key", ["a.docx", "a.pptx", "a.xlsx"])
def test_a_zip_bomb_is_refused_before_it_unpacks(key: str) -> None:
    limits = Limits(unpacked_bytes=100_000)
    for raw in (zipped({"word/document.xml": b"0" * 1_000_000}), lying(zipped({"x.xml": b"0" * 1_000_000}), 1_000_000, 1000)):
        with pytest.raises(TerminalSourceError, match=r"more than the limit|damaged"):
            parse(key, raw, limits)


def test_an_office_file_with_a_document_type_is_refused() -> None:
    with pytest.raises(TerminalSourceError, match="document type"):
        parse("a.docx", zipped({"word/document.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}))


@pytest.mark.parametrize("key", ["a.docx", "a.pptx", "a.xlsx"])
def test_a_damaged_or_foreign_archive_is_an_error_with_a_remedy(key: str) -> None:
    whole = saved(docx.Document())
    for raw in (zipped({"readme.txt": b"x"}), whole[: len(whole) // 2]):
        with pytest.raises(TerminalSourceError) as caught:
            parse(key, raw)
        assert caught.value.remedy


def test_parsing_needs_no_network_and_installs_no_package() -> None:
    before = find_spec(MODEL)
    assert outline(parse("a.md", "# A\n\nThis is a whole sentence about the return of things. And another one.")) != []
    assert find_spec(MODEL) == before
