"""The PDFs of the demo company against their answer key: every heading and level, every sentence, every table."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypedDict, cast

import pytest
from ruamel.yaml import YAML

from context_service.model.document import ElementKind, Parsed
from tests.parsing import parse

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class Heading(TypedDict):
    level: int
    text: str


class Truth(TypedDict):
    pages: int
    headings: list[Heading]
    sentences: list[str]
    tables: list[list[list[str]]]
    running_header: str
    running_footers: list[str]


@cache
def truths() -> dict[str, Truth]:
    return cast(dict[str, Truth], YAML(typ="safe").load((FIXTURES / "tools" / "pdf_truth.yaml").read_text(encoding="utf-8")))


@cache
def parsed(name: str) -> Parsed:
    return parse(name, (FIXTURES / "company" / "pdf" / name).read_bytes())


def found_tables(document: Parsed) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = []
    for element in document.elements:
        if element.kind == ElementKind.TABLE_HEAD:
            tables.append([])
        if element.kind in (ElementKind.TABLE_HEAD, ElementKind.TABLE_ROW):
            tables[-1].append(element.text.split(" | "))
    return tables


every_document = pytest.mark.parametrize("name", sorted(truths()))


def test_the_key_covers_every_document() -> None:
    assert sorted(truths()) == sorted(path.name for path in (FIXTURES / "company" / "pdf").glob("*.pdf"))


@every_document
def test_exactly_the_headings_are_found_with_their_levels(name: str) -> None:
    headings = [(element.level, element.text) for element in parsed(name).elements if element.kind == ElementKind.HEADING]
    assert headings == [(heading["level"], heading["text"]) for heading in truths()[name]["headings"]]


@every_document
def test_every_sentence_survives_whole_and_in_order(name: str) -> None:
    text = "\n".join(element.text for element in parsed(name).elements)
    places = [text.find(sentence) for sentence in truths()[name]["sentences"]]
    assert -1 not in places
    assert all(before < after for before, after in pairwise(places))


@every_document
def test_every_table_is_found_with_its_cells(name: str) -> None:
    assert found_tables(parsed(name)) == truths()[name]["tables"]


@every_document
def test_running_texts_stand_in_the_notes_and_not_in_the_text(name: str) -> None:
    document, truth = parsed(name), truths()[name]
    texts = [element.text for element in document.elements if element.kind != ElementKind.HEADING]
    assert not {truth["running_header"], *truth["running_footers"]} & set(texts)
    assert any(truth["running_header"] in note for note in document.notes)
    assert any(truth["running_footers"][0] in note for note in document.notes)
    assert not any("not read" in note for note in document.notes)


@every_document
def test_elements_carry_their_pages(name: str) -> None:
    pages = [element.page or 0 for element in parsed(name).elements]
    assert pages == sorted(pages)
    assert (pages[0], pages[-1]) == (1, truths()[name]["pages"])
