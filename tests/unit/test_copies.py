"""Copies: the same words twice, a copy with an edit, one that fell behind, and what only looks like one."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from context_service.conflicts.copies import Copy, compare_copies
from context_service.conflicts.words import content_words
from context_service.model.rivalry import Rivalry, RivalryKind
from tests.flows.small import SOURCE, SmallCompany

STORY = (
    "Unplug the camera before you begin with the reset. Push a straightened paper clip into the hole beneath the lens. "
    "Hold it there until the light beside the lens turns white. The camera starts anew while the light is blinking. "
    "Open the app on your phone after the light turns green. Follow the steps that the app shows on the screen."
)
EDITED = STORY.replace("hole beneath the lens", "hole beneath the cover")


def copy(document: str, text: str = STORY, day: date | None = None, names: frozenset[str] = frozenset(), title: str = "") -> Copy:
    return Copy(f"chunk of {document}", document, text, frozenset(), names, day, content_words(title))


def kind(left: Copy, right: Copy) -> RivalryKind | None:
    there, back = compare_copies(left, right), compare_copies(right, left)
    assert (there and (there.id, there.kind)) == (back and (back.id, back.kind))
    return there.kind if there else None


def test_word_for_word_copies_are_duplicates() -> None:
    rivalry = compare_copies(copy("left"), copy("right"))
    assert rivalry is not None
    assert (rivalry.kind, rivalry.similarity) == (RivalryKind.DUPLICATE, 1.0)
    assert not rivalry.kind.contradicts


def test_typography_and_filler_make_no_edit() -> None:
    assert kind(copy("left"), copy("right", STORY.replace("before you begin", "before you  begin").upper())) is RivalryKind.DUPLICATE


def test_a_copy_with_an_edit_is_a_near_duplicate_where_no_dates_tell_the_older() -> None:
    assert kind(copy("left"), copy("right", EDITED)) is RivalryKind.NEAR_DUPLICATE
    same_day = date(2026, 1, 1)
    assert kind(copy("left", day=same_day), copy("right", EDITED, same_day)) is RivalryKind.NEAR_DUPLICATE


def test_the_older_of_two_that_an_edit_parts_is_a_stale_copy() -> None:
    assert kind(copy("left", day=date(2025, 1, 1)), copy("right", EDITED, date(2026, 1, 1))) is RivalryKind.STALE_COPY


def test_a_copy_that_did_not_follow_several_changes_is_stale_too() -> None:
    changed = EDITED.replace("turns white", "goes out").replace("blinking", "moving")
    assert kind(copy("left", day=date(2025, 1, 1)), copy("right", changed, date(2026, 1, 1))) is RivalryKind.STALE_COPY


def test_pages_of_two_products_from_one_template_are_no_copies() -> None:
    assert kind(copy("left", names=frozenset({"camera"})), copy("right", EDITED, names=frozenset({"doorbell"}))) is None


def test_pages_of_one_template_are_told_apart_by_their_titles_where_nobody_declared_the_products() -> None:
    tripod = STORY.replace("camera", "tripod")
    assert kind(copy("left", title="Reset the camera"), copy("right", tripod, title="Reset the tripod")) is None
    assert kind(copy("left", title="Camera reset"), copy("right", EDITED, title="Camera FAQ")) is RivalryKind.NEAR_DUPLICATE


def test_texts_that_state_other_values_or_belong_to_one_document_are_no_copies() -> None:
    other = Copy("chunk", "right", STORY, frozenset({("count", "1")}), frozenset(), None)
    assert kind(copy("left"), other) is None
    assert kind(copy("left"), Copy("another chunk", "left", STORY, frozenset(), frozenset(), None)) is None


def ingested(folder: Path, texts: dict[str, str]) -> Counter[RivalryKind]:
    """The kinds that an ingest of these documents finds."""
    company = SmallCompany.write(folder / "company", {})
    (company.folder / "notes" / "source.yaml").write_text(SOURCE.replace("kind: notes", "kind: docs"))
    for name, text in texts.items():
        (company.texts / f"{name}.md").write_text(text)
    company.ingest()
    return Counter(rivalry.kind for rivalry in rivalries(company))


def rivalries(company: SmallCompany) -> list[Rivalry]:
    with company.open() as app:
        head = app.records.head()
        return app.records.rivalries([row.chunk for row in app.records.chunk_ranges(head)], head)


@pytest.mark.parametrize(
    ("second", "modified", "found"),
    [
        (STORY, 2026, {RivalryKind.DUPLICATE: 1}),
        (EDITED, 2026, {RivalryKind.NEAR_DUPLICATE: 1}),
        (EDITED, 2025, {RivalryKind.STALE_COPY: 1}),
    ],
)
def test_an_ingest_names_what_parts_two_copies(tmp_path: Path, second: str, modified: int, found: dict[RivalryKind, int]) -> None:
    assert ingested(tmp_path, {"first": document(STORY, 2026), "second": document(second, modified)}) == found


def test_an_edit_of_a_value_is_told_by_the_value(tmp_path: Path) -> None:
    texts = {f"{months}": document(f"{STORY} The battery of the camera lasts {months} months without a charge.", 2026) for months in (6, 9)}
    assert ingested(tmp_path, texts) == {RivalryKind.VALUE: 1}


def document(story: str, modified: int) -> str:
    return f"---\ntitle: Reset\nmodified: {modified}-01-01\n---\n# Reset\n\n{story}\n"


def test_an_ingest_finds_what_titles_and_tables_say(tmp_path: Path) -> None:
    table = "\n\n| Plan | Video history |\n| --- | --- |\n| Plus | {} days |\n"
    texts = {
        "title": "# Returns within 30 days\n\nReturns are accepted within 14 days of delivery at every warehouse.\n",
        "one": f"# Video history{table.format(30)}",
        "two": f"# Video history{table.format(60)}",
    }
    assert ingested(tmp_path, texts) == {RivalryKind.INTERNAL: 1, RivalryKind.VALUE: 1}
