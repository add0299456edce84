"""Over any document: nothing is lost, nothing is told twice, and no cut goes where the document is whole."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from context_service.chunking.chunker import Piece, chunk
from context_service.chunking.layout import TABULAR, Block, Layout, lay_out
from context_service.model.document import Element, ElementKind

HEADING = ElementKind.HEADING


def words(text: str) -> int:
    return len(text.split())


word = st.text("abcZ.é", min_size=1, max_size=8)
sentence = st.lists(word, min_size=1, max_size=14).map(" ".join)
prose = st.lists(sentence, min_size=1, max_size=4).map(". ".join) | st.text("ab .\n\t", max_size=60)
row = st.lists(sentence, min_size=1, max_size=4).map(" | ".join) | sentence.map(lambda text: text.replace(" ", "\n"))
elements = st.one_of(
    st.builds(Element, kind=st.just(HEADING), text=st.sampled_from(["A", "B", "C d"]), level=st.integers(1, 4) | st.none()),
    st.builds(
        Element,
        kind=st.sampled_from([ElementKind.PARAGRAPH, ElementKind.LIST_ITEM, ElementKind.CODE]),
        text=prose,
        page=st.integers(1, 5) | st.none(),
    ),
    st.builds(Element, kind=st.sampled_from(sorted(TABULAR)), text=row, page=st.integers(1, 5) | st.none()),
)
layouts = st.lists(elements, max_size=14).map(lay_out)
targets = st.integers(1, 30)


def within(piece: Piece, blocks: tuple[Block, ...]) -> list[Block]:
    return [block for block in blocks if block.start < piece.span.end and piece.span.start < block.end]


def bare(layout: Layout, position: int) -> bool:
    """Whether the heading at `position` has neither text nor a deeper heading right under it."""
    following = layout.blocks[position + 1 : position + 2]
    if not following:
        return True
    return following[0].kind is HEADING and len(following[0].heading_path) <= len(layout.blocks[position].heading_path)


@given(layouts, targets)
def test_a_chunks_text_is_the_text_of_its_span(layout: Layout, target: int) -> None:
    for piece in chunk(layout, words, target):
        assert piece.text == layout.text[piece.span.start : piece.span.end]
        assert piece.text.strip()


@given(layouts, targets)
def test_spans_are_ordered_and_disjoint(layout: Layout, target: int) -> None:
    pieces = chunk(layout, words, target)
    assert all(piece.span.start < piece.span.end for piece in pieces)
    assert all(left.span.end <= right.span.start for left, right in pairwise(pieces))


@given(layouts, targets)
def test_every_character_of_text_and_of_bare_headings_is_in_a_chunk(layout: Layout, target: int) -> None:
    covered = {i for piece in chunk(layout, words, target) for i in range(piece.span.start, piece.span.end)}
    for position, block in enumerate(layout.blocks):
        if block.kind is HEADING and not bare(layout, position):
            continue
        missing = [i for i in range(block.start, block.end) if i not in covered and not layout.text[i].isspace()]
        assert not missing


@given(layouts, targets)
def test_no_chunk_crosses_a_heading(layout: Layout, target: int) -> None:
    for piece in chunk(layout, words, target):
        touched = within(piece, layout.blocks)
        assert len(touched) == 1 or all(block.kind is not HEADING for block in touched)
        assert {block.heading_path for block in touched} == {piece.heading_path}


@given(layouts, targets)
def test_no_chunk_ends_inside_a_table_row(layout: Layout, target: int) -> None:
    cuts = {cut for piece in chunk(layout, words, target) for cut in (piece.span.start, piece.span.end)}
    for block in layout.blocks:
        if block.kind in TABULAR:
            assert not any(block.start < cut < block.end for cut in cuts)


@given(layouts, targets)
def test_a_chunks_pages_are_those_of_the_blocks_it_touches(layout: Layout, target: int) -> None:
    for piece in chunk(layout, words, target):
        pages = [block.page for block in within(piece, layout.blocks) if block.page is not None]
        assert (piece.span.page_from, piece.span.page_to) == (min(pages, default=None), max(pages, default=None))


@given(layouts, targets)
def test_a_chunk_fits_the_target_unless_it_is_a_single_row(layout: Layout, target: int) -> None:
    for piece in chunk(layout, words, target):
        touched = within(piece, layout.blocks)
        single_row = len(touched) == 1 and touched[0].kind in TABULAR
        assert piece.tokens == words(piece.text)
        assert piece.tokens <= target or single_row


@given(layouts, targets)
def test_rows_stand_under_a_head_in_their_chunk_or_in_its_context(layout: Layout, target: int) -> None:
    for piece in chunk(layout, words, target):
        assert not piece.table_head or piece.table_head not in piece.text
        rows = [block for block in within(piece, layout.blocks) if block.kind is ElementKind.TABLE_ROW]
        if not rows:
            continue
        before = [block for block in layout.blocks if block.start < rows[0].start]
        table = [block for block in before if block.kind not in TABULAR]
        heads = [block for block in before if block.kind is ElementKind.TABLE_HEAD and (not table or block.start > table[-1].start)]
        if heads:
            head = layout.text[heads[-1].start : heads[-1].end]
            assert head in piece.text or head == piece.table_head


@given(layouts)
def test_a_document_that_fits_is_cut_at_its_headings_only(layout: Layout) -> None:
    pieces = chunk(layout, words, 10_000)
    headings = sum(block.kind is HEADING for block in layout.blocks)
    assert len(pieces) <= headings + 1
