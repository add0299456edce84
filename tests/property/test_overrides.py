"""Overrides over any document: the same from stored state as from the source, taken back without a trace, and every span a quote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from context_service.ingest.overridden import as_at_source, in_draft, overridden
from context_service.ingest.prepare import Prepared, prepare
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.change import OwnerOverrides, Replacement
from context_service.model.document import Content, Element, ElementKind, Parsed
from context_service.model.source import Company, Source

COMPANY = Company(name="Brightwater", authority={"policy": 80, "article": 40}, plans=("plus",), audiences=("agents",))
SOURCE = Source.model_validate(
    {
        "id": "handbook",
        "kind": "docs",
        "title": "Handbook",
        "owner": "policy-team",
        "authority": "policy",
        "access": {"classification": "public", "audiences": ["agents"]},
    }
)

word = st.sampled_from("red blue 30 days. 45 return lamp (free) É".split())
sentence = st.lists(word, min_size=1, max_size=12).map(" ".join)
element = st.one_of(
    st.builds(Element, kind=st.just(ElementKind.HEADING), text=st.sampled_from(["Returns", "red blue"]), level=st.integers(1, 3)),
    st.builds(Element, kind=st.sampled_from([ElementKind.PARAGRAPH, ElementKind.LIST_ITEM]), text=sentence),
    st.builds(Element, kind=st.sampled_from([ElementKind.TABLE_HEAD, ElementKind.TABLE_ROW]), text=sentence),
)
elements = st.lists(element, max_size=10)
replacement = st.builds(lambda passage, new: (passage, new), sentence, sentence | st.just("")).filter(lambda pair: pair[0] != pair[1])
overrides = st.builds(
    OwnerOverrides,
    authority=st.sampled_from([None, "article", "gone"]),
    applicability=st.sampled_from([None, Applicability(plans=frozenset({"plus"}))]),
    effective=st.sampled_from([None, Window(since=date(2026, 1, 1))]),
    status=st.sampled_from([None, Status.WITHDRAWN]),
    texts=st.lists(replacement.map(lambda pair: Replacement(passage=pair[0], replacement=pair[1])), max_size=3).map(tuple),
)


def words(text: str) -> int:
    return len(text.split()) * 20  # so that a paragraph is cut into several chunks


def at_source(texts: Sequence[Element], draft: int = 1) -> Prepared:
    content = Content(key="a.md", raw=b"", media_type="text/markdown", url="file:a.md", fingerprint="1")
    parsed = Parsed(title="Returns", elements=tuple(texts), parser="docs", parser_version="7")
    return prepare(COMPANY, SOURCE, content, parsed, draft=draft, run="run-1", count_tokens=words)


def changed(state: Prepared, by: OwnerOverrides) -> Prepared:
    return overridden(state, by, COMPANY, words)


@given(elements, overrides, overrides)
def test_from_stored_state_they_give_what_preparing_the_source_anew_gives(
    texts: list[Element], first: OwnerOverrides, second: OwnerOverrides
) -> None:
    stored = changed(at_source(texts), first)
    anew = changed(in_draft(as_at_source(stored), 2), second)
    assert anew == changed(at_source(texts, draft=2), second)


@given(elements, overrides)
def test_taken_back_they_leave_no_trace(texts: list[Element], some: OwnerOverrides) -> None:
    source = at_source(texts)
    assert as_at_source(changed(source, some)) == source


@given(elements, overrides)
def test_every_span_quotes_the_version(texts: list[Element], some: OwnerOverrides) -> None:
    state = changed(at_source(texts), some)
    assert all(chunk.text == state.version.text[chunk.span.start : chunk.span.end] == chunk.text.strip() != "" for chunk in state.chunks)
    assert all(left.span.end <= right.span.start for left, right in pairwise(state.chunks))


@given(elements, overrides)
def test_a_chunk_that_says_the_same_to_the_same_people_keeps_its_vector(texts: list[Element], some: OwnerOverrides) -> None:
    source, state = at_source(texts), changed(at_source(texts), some)
    known = {chunk.indexed_text: chunk.embedding_key for chunk in source.chunks}
    assert all(known.get(chunk.indexed_text, chunk.embedding_key) == chunk.embedding_key for chunk in state.chunks)
    touched = [chunk for chunk in state.chunks if chunk.indexed_text not in known]
    if some.applicability is None and not some.texts:
        assert not touched


@given(st.lists(sentence, max_size=3), sentence, st.lists(sentence, max_size=3))
def test_the_text_is_the_one_the_source_would_give_had_it_said_so(before: list[str], chosen: str, after: list[str]) -> None:
    said, told = f"Mauve {chosen}", "Something else altogether."
    state = changed(paragraphs(*before, said, *after), OwnerOverrides(texts=(Replacement(passage=said, replacement=told),)))
    assert state.version == paragraphs(*before, told, *after).version
    assert state.revision.overridden
    assert not state.revision.overridden.orphans


def paragraphs(*texts: str) -> Prepared:
    return at_source([Element(kind=ElementKind.PARAGRAPH, text=text) for text in texts])
