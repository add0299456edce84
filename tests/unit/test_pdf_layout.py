"""PDF layout on pages drawn for the purpose: columns, paragraphs, tables, running texts, odd pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from context_service.errors import TerminalSourceError
from tests.parsing import outline, parse

WIDTH, HEIGHT = 600.0, 800.0
LEADING = 14.0
SIZE = 10.0


def drawn(draw: Callable[[Canvas], object], **options: object) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(WIDTH, HEIGHT), invariant=1, **options)
    draw(canvas)
    canvas.save()
    return file.getvalue()


def lines(canvas: Canvas, texts: Iterable[str], x: float = 50, top: float = 120, size: float = SIZE, bold: bool = False) -> float:
    """Draw lines from `top` down; gives where the next one would stand."""
    canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
    for text in texts:
        canvas.drawString(x, HEIGHT - top, text)
        top += LEADING * size / SIZE
    return top


def filler(word: str, count: int) -> list[str]:
    """A sentence of `count` full lines for a column of 150 points: every word says where it stands."""
    return [f"{word}{number} and so it goes on here" for number in range(count - 1)] + [f"{word}{count - 1} ends here."]


def columns(canvas: Canvas, names: Sequence[str], top: float, count: int = 6) -> None:
    gap = (WIDTH - 100) / len(names)
    for number, name in enumerate(names):
        lines(canvas, filler(name, count), x=50 + number * gap, top=top)


def texts(raw: bytes) -> list[str]:
    return [element.text for element in parse("a.pdf", raw).elements]


@pytest.mark.parametrize("names", [["one"], ["left", "right"], ["left", "middle", "right"]])
def test_columns_are_read_one_after_the_other(names: list[str]) -> None:
    assert texts(drawn(lambda canvas: columns(canvas, names, 120))) == [" ".join(filler(name, 6)) for name in names]


def test_columns_whose_lines_stand_at_different_heights_are_columns_too() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, filler("left", 7), x=50, top=120)
        lines(canvas, filler("right", 7), x=320, top=125)

    assert texts(drawn(draw)) == [" ".join(filler("left", 7)), " ".join(filler("right", 7))]


def test_what_spans_the_columns_stands_between_those_above_and_those_below() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["A heading that is wide enough to span the whole page of it"], size=17, bold=True)
        columns(canvas, ["a", "b"], 160)
        lines(canvas, ["Another heading that is wide enough to span the whole page"], top=280, size=15, bold=True)
        columns(canvas, ["c", "d"], 310)

    assert [text[:9] for text in texts(drawn(draw))] == ["A heading", "a0 and so", "b0 and so", "Another h", "c0 and so", "d0 and so"]


def test_a_short_heading_alone_on_its_height_parts_the_columns() -> None:
    def draw(canvas: Canvas) -> None:
        columns(canvas, ["a", "b"], 120)
        lines(canvas, ["Second part"], top=240, size=15, bold=True)
        columns(canvas, ["c", "d"], 265)

    assert [text[:9] for text in texts(drawn(draw))] == ["a0 and so", "b0 and so", "Second pa", "c0 and so", "d0 and so"]


def test_a_heading_inside_one_column_stays_there() -> None:
    def draw(canvas: Canvas) -> None:
        end = lines(canvas, filler("a", 5), top=120)
        end = lines(canvas, ["Inside"], top=end + 10, size=13, bold=True)
        lines(canvas, filler("b", 5), top=end)
        lines(canvas, filler("c", 14), x=320, top=120)

    assert [text[:9] for text in texts(drawn(draw))] == ["a0 and so", "Inside", "b0 and so", "c0 and so"]


def test_cells_beside_each_other_without_rules_are_a_table_and_no_columns() -> None:
    def draw(canvas: Canvas) -> None:
        for number, row in enumerate([("Plan", "Days", "Price"), ("Free", "14", "0"), ("Plus", "30", "9.99"), ("Family", "60", "14.99")]):
            for column, cell in enumerate(row):
                lines(canvas, [cell], x=50 + 150 * column, top=120 + LEADING * number)

    assert outline(parse("a.pdf", drawn(draw))) == [
        "th Plan | Days | Price",
        "tr Free | 14 | 0",
        "tr Plus | 30 | 9.99",
        "tr Family | 60 | 14.99",
    ]


def test_a_sentence_goes_on_in_the_next_column_and_on_the_next_page() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, [*filler("a", 5), *(f"b{number} and so it goes on here" for number in range(5))])
        lines(canvas, [f"c{number} and so it goes on here" for number in range(10)], x=320)
        canvas.showPage()
        lines(canvas, ["d0 and so it ends."])

    found = texts(drawn(draw))
    assert len(found) == 2
    assert found[1].startswith("b0 and")
    assert found[1].endswith("c9 and so it goes on here d0 and so it ends.")


def test_a_word_parted_at_the_end_of_a_line_is_joined_unless_the_document_writes_its_hyphen() -> None:
    body = [
        "Here the return of a sub-",
        "scription is self-",
        "service, as it was for all other sub-",
        "scribers. A subscription is a thing, and",
        "self-service is another one to have.",
    ]
    (text,) = texts(drawn(lambda canvas: lines(canvas, body)))
    assert text.startswith("Here the return of a subscription is self-service, as it was for all other subscribers. A")


def test_paragraphs_part_at_gaps_indents_and_lines_that_end_early() -> None:
    def draw(canvas: Canvas) -> None:
        end = lines(canvas, ["First paragraph is as long as this line is, and it goes", "on here."])
        end = lines(canvas, ["Second one begins because the line above ended early, so"], top=end)
        end = lines(canvas, ["it is."], top=end)
        end = lines(canvas, ["Third one stands below a gap and it fills its line wholly."], top=end + 10)
        lines(canvas, ["Fourth one is indented and says no more than this one line"], x=65, top=end)

    assert [text.split()[0] for text in texts(drawn(draw))] == ["First", "Second", "Third", "Fourth"]


def test_bullets_are_dropped_and_numbers_kept() -> None:
    def draw(canvas: Canvas) -> None:
        end = 120.0
        for marker, text in (("\u2022", "first thing"), ("\u2022", "second thing which"), ("1", "a step"), ("2.", "another step")):
            lines(canvas, [marker], top=end)
            end = lines(canvas, [text], x=64, top=end)
            if text.endswith("which"):
                end = lines(canvas, ["goes on"], x=64, top=end)

    assert outline(parse("a.pdf", drawn(draw))) == ["- first thing", "- second thing which goes on", "- 1. a step", "- 2. another step"]


def test_levels_follow_size_and_are_mended_by_numbers() -> None:
    def draw(canvas: Canvas) -> None:
        end = lines(canvas, ["Terms of Service"], size=20, bold=True)
        for text, size in (("1. Scope", 14), ("1.1 Where", 12), ("1.2 When", 12), ("2. Money", 14), ("2.1 How much", 14), ("2.2 Paid", 12)):
            end = lines(canvas, [text], top=end + 14, size=size, bold=True)
            end = lines(canvas, ["Some plain text stands below each of these headings."], top=end + 4)

    found = [line for line in outline(parse("a.pdf", drawn(draw))) if line[0] == "h"]
    assert found == ["h1 Terms of Service", "h2 1. Scope", "h3 1.1 Where", "h3 1.2 When", "h2 2. Money", "h3 2.1 How much", "h3 2.2 Paid"]


def test_the_outline_mends_levels_and_names_headings_that_look_like_text() -> None:
    def draw(canvas: Canvas) -> None:
        end = 120.0
        for number, (text, level, bold) in enumerate([("Part", 0, True), ("Chapter", 1, True), ("Plain section", 2, False)]):
            canvas.bookmarkPage(str(number))
            canvas.addOutlineEntry(text, str(number), level)
            end = lines(canvas, [text], top=end + 14, bold=bold)
            end = lines(canvas, ["Some plain text stands below each of these headings."], top=end + 10)

    found = [line for line in outline(parse("a.pdf", drawn(draw))) if line[0] == "h"]
    assert found == ["h1 Part", "h2 Chapter", "h3 Plain section"]


def test_a_bold_sentence_is_text_and_a_bold_line_over_text_a_heading() -> None:
    def draw(canvas: Canvas) -> None:
        end = lines(canvas, ["Warning"], bold=True)
        end = lines(canvas, ["Plain text that stands below it and is longer than the heading."], top=end + 10)
        lines(canvas, ["Do not open the battery."], top=end + 10, bold=True)

    assert [line[:2] for line in outline(parse("a.pdf", drawn(draw)))] == ["h1", "p ", "p "]


def grid(canvas: Canvas, rows: Sequence[Sequence[str]], top: float, merged: Iterable[tuple[int, int]] = ()) -> None:
    """A ruled table; a cell in `merged` is open to the cell above it."""
    width, height = 120.0, 24.0
    canvas.setFont("Helvetica", SIZE)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            left, upper = 50 + x * width, HEIGHT - top - y * height
            canvas.line(left, upper, left, upper - height)
            canvas.line(left + width, upper, left + width, upper - height)
            canvas.line(left, upper - height, left + width, upper - height)
            if (y, x) not in set(merged):
                canvas.line(left, upper, left + width, upper)
            canvas.drawString(left + 4, upper - 15, cell)


def test_a_ruled_table_stands_in_its_place_as_rows() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Above the table there is a line of text."])
        canvas.setStrokeColorRGB(0, 0, 0)
        for y in (140.0, 164.0, 188.0, 212.0):
            canvas.line(50, HEIGHT - y, 290, HEIGHT - y) if y != 188.0 else canvas.line(170, HEIGHT - y, 290, HEIGHT - y)
        for x in (50, 170, 290):
            canvas.line(x, HEIGHT - 140, x, HEIGHT - 212)
        for x, y, text in ((54, 155, "Device"), (174, 155, "Light"), (54, 190, "Hub"), (174, 179, "green"), (174, 203, "red")):
            lines(canvas, [text], x=x, top=y)
        lines(canvas, ["Below the table there is another line."], top=240)

    assert outline(parse("a.pdf", drawn(draw))) == [
        "p Above the table there is a line of text.",
        "th Device | Light",
        "tr Hub | green",
        "tr  | red",
        "p Below the table there is another line.",
    ]


@pytest.mark.parametrize("repeated", [True, False])
def test_a_table_goes_on_over_the_page_with_one_head(repeated: bool) -> None:
    def draw(canvas: Canvas) -> None:
        grid(canvas, [("Plan", "Days"), ("Free", "14")], 300)
        canvas.showPage()
        grid(canvas, [*([("Plan", "Days")] if repeated else []), ("Plus", "30"), ("Family", "60")], 300)

    assert outline(parse("a.pdf", drawn(draw))) == ["th Plan | Days", "tr Free | 14", "tr Plus | 30", "tr Family | 60"]


def book(canvas: Canvas, pages: int = 4) -> None:
    for number in range(1, pages + 1):
        lines(canvas, ["Terms of 2026"], top=30)
        lines(canvas, [f"{number}. Section"], top=80, size=14, bold=True)
        lines(canvas, filler(f"p{number}w", 5), top=120)
        lines(canvas, [f"Page {number} of {pages}"], x=280, top=780)
        canvas.showPage()


def test_running_headers_and_footers_leave_the_text_and_are_told() -> None:
    parsed = parse("a.pdf", drawn(book))
    assert [element.text[:10] for element in parsed.elements if element.page == 2] == ["2. Section", "p2w0 and s"]
    assert parsed.notes == ("running header: Terms of 2026 (pages 1-4)", "running footer: Page 1 of 4 (pages 1-4)")


def test_headings_at_the_same_place_of_each_page_are_no_running_text() -> None:
    assert [element.text for element in parse("a.pdf", drawn(book)).elements if element.kind == "heading"] == [
        "1. Section",
        "2. Section",
        "3. Section",
        "4. Section",
    ]


def test_a_document_that_says_the_same_on_each_page_still_says_it() -> None:
    def draw(canvas: Canvas) -> None:
        for _ in range(3):
            lines(canvas, ["All there is to say"], top=40)
            canvas.showPage()

    assert texts(drawn(draw))[0].startswith("All there is to say")


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pages_shown_turned_are_read_upright(rotation: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(rotation)
        columns(canvas, ["left", "right"], 120)

    assert texts(drawn(draw)) == [" ".join(filler("left", 6)), " ".join(filler("right", 6))]


def test_text_drawn_sideways_on_a_turned_page_is_read_upright() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)
        canvas.translate(WIDTH, 0)
        canvas.rotate(90)
        for number, line in enumerate(filler("side", 5)):
            canvas.setFont("Helvetica", SIZE)
            canvas.drawString(60, 500 - number * LEADING, line)

    assert texts(drawn(draw)) == [" ".join(filler("side", 5))]


def test_a_watermark_at_an_angle_does_not_cut_the_text() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, filler("a", 6))
        canvas.saveState()
        canvas.translate(100, HEIGHT - 200)
        canvas.rotate(30)
        canvas.setFont("Helvetica", 40)
        canvas.drawString(0, 0, "DRAFT COPY")
        canvas.restoreState()

    assert outline(parse("a.pdf", drawn(draw))) == [f"p {' '.join(filler('a', 6))}", "p DRAFT COPY"]


def test_a_raised_mark_stays_in_its_line() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["The area is 5 km"])
        lines(canvas, ["2"], x=50 + stringWidth("The area is 5 km", "Helvetica", SIZE) + 1, top=116, size=6)

    assert len(texts(drawn(draw))) == 1


def picture() -> ImageReader:
    from PIL import Image

    return ImageReader(Image.new("RGB", (40, 40), "red"))


def test_a_scanned_page_is_told() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["A page with text"])
        canvas.showPage()
        canvas.drawImage(picture(), 0, 0, WIDTH, HEIGHT)

    assert parse("a.pdf", drawn(draw)).notes == ("page 2 has no text layer; it looks scanned",)


def test_a_file_without_any_text_needs_ocr() -> None:
    with pytest.raises(TerminalSourceError, match="no text layer") as caught:
        parse("a.pdf", drawn(lambda canvas: canvas.drawImage(picture(), 0, 0, WIDTH, HEIGHT)))
    assert "OCR" in caught.value.remedy


def test_a_password_is_asked_for() -> None:
    locked = drawn(lambda canvas: lines(canvas, ["secret"]) and None, encrypt=StandardEncryption("user", "owner"))
    with pytest.raises(TerminalSourceError, match="password-protected"):
        parse("a.pdf", locked)


def test_a_damaged_file_is_an_error_with_a_remedy() -> None:
    whole = drawn(lambda canvas: lines(canvas, ["text"]))
    for raw in (b"%PDF-1.7\nnothing else", whole[:60], b""):
        with pytest.raises(TerminalSourceError) as caught:
            parse("a.pdf", raw)
        assert caught.value.remedy


def test_title_date_and_pages_come_out() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Terms of Service")
        lines(canvas, ["Only text here."])
        canvas.showPage()
        lines(canvas, ["And more there."])

    parsed = parse("terms.pdf", drawn(draw))
    assert parsed.title == "Terms of Service"
    assert [element.page for element in parsed.elements] == [1, 2]
    assert parsed.modified is not None
    assert parse("terms.pdf", drawn(lambda canvas: lines(canvas, ["Only text."]))).title == "terms"
