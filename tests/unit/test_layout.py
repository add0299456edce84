"""One text out of the elements of a document, and where each of them stands in it."""

from __future__ import annotations

from context_service.chunking.layout import lay_out
from context_service.model.document import Element, ElementKind

HEADING, PARAGRAPH, ITEM = ElementKind.HEADING, ElementKind.PARAGRAPH, ElementKind.LIST_ITEM
HEAD, ROW, CODE = ElementKind.TABLE_HEAD, ElementKind.TABLE_ROW, ElementKind.CODE


def element(kind: ElementKind, text: str, level: int | None = None, page: int | None = None) -> Element:
    return Element(kind=kind, text=text, level=level, page=page)


def test_paragraphs_are_set_apart_and_list_items_and_rows_stand_close() -> None:
    layout = lay_out(
        [
            element(HEADING, "Plans", 1),
            element(PARAGRAPH, "There are two."),
            element(ITEM, "Free"),
            element(ITEM, "Plus"),
            element(HEAD, "Plan | Price"),
            element(ROW, "Free | 0"),
            element(ROW, "Plus | 9"),
            element(HEAD, "Region | Tax"),
            element(ROW, "DE | 19"),
            element(CODE, "reset --all"),
            element(CODE, "reset --one"),
        ]
    )
    assert layout.text == (
        "Plans\n\nThere are two.\n\nFree\nPlus\n\nPlan | Price\nFree | 0\nPlus | 9\n\nRegion | Tax\nDE | 19\n\nreset --all\n\nreset --one"
    )


def test_each_block_stands_where_its_span_says() -> None:
    elements = [element(HEADING, " Title ", 1), element(PARAGRAPH, "\n Words. \n", page=3), element(ITEM, "x" * 5)]
    layout = lay_out(elements)
    assert [layout.text[block.start : block.end] for block in layout.blocks] == ["Title", "Words.", "xxxxx"]
    assert [block.page for block in layout.blocks] == [None, 3, None]


def test_a_headings_path_ends_with_itself_and_drops_what_is_not_above_it() -> None:
    layout = lay_out(
        [
            element(HEADING, "A", 1),
            element(HEADING, "B", 2),
            element(PARAGRAPH, "b"),
            element(HEADING, "C", 4),
            element(HEADING, "D", 3),
            element(HEADING, "E", 1),
            element(PARAGRAPH, "e"),
        ]
    )
    paths = [block.heading_path for block in layout.blocks]
    assert paths == [("A",), ("A", "B"), ("A", "B"), ("A", "B", "C"), ("A", "B", "D"), ("E",), ("E",)]


def test_a_heading_without_a_level_is_of_the_first() -> None:
    layout = lay_out([element(HEADING, "A", 2), element(HEADING, "B"), element(PARAGRAPH, "b")])
    assert layout.blocks[-1].heading_path == ("B",)


def test_a_broken_heading_is_one_line_in_the_path_and_as_written_in_the_text() -> None:
    layout = lay_out([element(HEADING, "Returns\n and  refunds", 1)])
    assert layout.blocks[0].heading_path == ("Returns and refunds",)
    assert layout.text == "Returns\n and  refunds"


def test_empty_elements_leave_no_trace() -> None:
    assert lay_out([element(PARAGRAPH, " "), element(HEADING, "", 1), element(ROW, "\n")]).blocks == ()
    assert lay_out([]).text == ""


def test_text_before_the_first_heading_stands_under_none() -> None:
    assert lay_out([element(PARAGRAPH, "Intro.")]).blocks[0].heading_path == ()
