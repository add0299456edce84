"""Chunks by example: sections, tables, long texts, bare headings."""

from __future__ import annotations

from context_service.chunking.chunker import Piece, chunk
from context_service.chunking.layout import lay_out
from context_service.model.document import ChunkKind, Element, ElementKind

SHORT = {"p": ElementKind.PARAGRAPH, "-": ElementKind.LIST_ITEM, "th": ElementKind.TABLE_HEAD, "tr": ElementKind.TABLE_ROW}


def words(text: str) -> int:
    return len(text.split())


def elements(outline: str) -> list[Element]:
    """Elements written one per line: `h2 Title`, `p Text`, `- Item`, `th Head`, `tr Row`, each with `@3` at its end for page 3."""
    found = []
    for line in outline.strip().splitlines():
        mark, _, rest = line.strip().partition(" ")
        text, _, page = rest.partition(" @")
        kind, level = (ElementKind.HEADING, int(mark[1:])) if mark[0] == "h" else (SHORT[mark], None)
        found.append(Element(kind=kind, text=text, level=level, page=int(page) if page else None))
    return found


def pieces(outline: str, target: int = 10) -> list[Piece]:
    return chunk(lay_out(elements(outline)), words, target)


def texts(outline: str, target: int = 10) -> list[str]:
    return [piece.text for piece in pieces(outline, target)]


def test_a_short_section_is_one_chunk_under_its_headings() -> None:
    found = pieces("h1 Returns\nh2 How long\np You have 30 days.\np Then it is over.")
    assert [(piece.heading_path, piece.text) for piece in found] == [(("Returns", "How long"), "You have 30 days.\n\nThen it is over.")]


def test_sections_are_never_joined_even_under_equal_headings() -> None:
    assert texts("h1 Note\np One.\nh1 Note\np Two.") == ["One.", "Two."]


def test_text_before_the_first_heading_is_a_chunk_without_headings() -> None:
    assert [piece.heading_path for piece in pieces("p Hello.\nh1 A\np Text.")] == [(), ("A",)]


def test_a_heading_with_nothing_under_it_is_a_chunk_itself() -> None:
    found = pieces("h1 A\nh2 Empty\nh2 Full\np Text.\nh1 Last")
    assert [(piece.text, piece.heading_path) for piece in found] == [
        ("Empty", ("A", "Empty")),
        ("Text.", ("A", "Full")),
        ("Last", ("Last",)),
    ]


def test_a_heading_repeated_at_once_is_not_lost() -> None:
    assert texts("h1 Terms\nh1 Terms\np Text.") == ["Terms", "Text."]


def test_paragraphs_are_gathered_up_to_the_target() -> None:
    assert texts("p one two three\np four five six\np seven eight nine ten\np eleven") == [
        "one two three\n\nfour five six\n\nseven eight nine ten",
        "eleven",
    ]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    assert texts("p One two three four. Five six seven eight. Nine ten eleven.", 8) == [
        "One two three four. Five six seven eight.",
        "Nine ten eleven.",
    ]


def test_a_sentence_longer_than_the_target_is_cut_between_words() -> None:
    assert texts("p a b c d e f g h i j k l", 5) == ["a b c d e", "f g h i j", "k l"]


def test_short_words_beside_long_ones_do_not_break_the_target() -> None:
    text = "p " + "extraordinarily " * 6 + "a " * 30
    assert max(piece.tokens for piece in pieces(text, 8)) <= 8


def test_a_word_longer_than_the_target_is_cut_somewhere() -> None:
    found = chunk(lay_out(elements("p " + "x" * 50)), len, 20)
    assert [len(piece.text) for piece in found] == [20, 20, 10]


def test_a_table_row_stays_whole_at_any_size() -> None:
    assert texts("th a | b\ntr " + "w " * 30 + "\ntr c | d", 8) == ["a | b", ("w " * 30).strip(), "c | d"]


def test_rows_cut_from_their_head_remember_it() -> None:
    found = pieces("h1 Prices\nth Plan | Price\ntr Free | 0\ntr Plus | 9\ntr Family | 15", 6)
    assert [(piece.text, piece.table_head) for piece in found] == [
        ("Plan | Price\nFree | 0", ""),
        ("Plus | 9\nFamily | 15", "Plan | Price"),
    ]


def test_a_chunk_that_holds_the_head_does_not_repeat_it() -> None:
    assert [piece.table_head for piece in pieces("p These are the prices.\nth Plan | Price\ntr Free | 0", 50)] == [""]


def test_a_second_table_has_its_own_head() -> None:
    found = pieces("th A | B\ntr a | b\np Between the two tables stands this.\nth C | D\ntr c | d\ntr e | f", 7)
    assert [piece.table_head for piece in found if piece.text == "e | f"] == ["C | D"]


def test_a_row_behind_other_text_has_lost_its_head() -> None:
    found = pieces("th A | B\ntr a | b\np The table has ended with this.\ntr c | d", 6)
    assert [piece.table_head for piece in found if piece.text == "c | d"] == [""]


def test_text_and_table_share_a_chunk_only_when_the_section_fits() -> None:
    small = pieces("p Prices:\nth A | B\ntr 1 | 2", 20)
    large = pieces("p Prices:\nth A | B\ntr 1 | 2\ntr 3 | 4", 8)
    assert [piece.kind for piece in small] == [ChunkKind.TABLE]
    assert [(piece.kind, piece.text) for piece in large] == [
        (ChunkKind.PROSE, "Prices:"),
        (ChunkKind.TABLE, "A | B\n1 | 2"),
        (ChunkKind.TABLE, "3 | 4"),
    ]


def test_pages_are_those_of_the_parts() -> None:
    found = pieces("p One two three. @1\np Four five. @2\np Six. @4\nh1 A\np No page.")
    assert [(piece.span.page_from, piece.span.page_to) for piece in found] == [(1, 4), (None, None)]


def test_an_empty_document_has_no_chunks() -> None:
    assert chunk(lay_out([]), words) == []


def test_no_text_is_counted_twice() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return words(text)

    long = "One two three four. Five six seven eight. " + " ".join(f"word{number}" for number in range(30)) + "."
    found = chunk(lay_out(elements(f"h1 Title\np {long}\np Short one.")), count, 10)
    assert len(found) > 3
    assert len(counted) == len(set(counted))
