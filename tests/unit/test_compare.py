"""What differs between two states of a document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from context_service.ingest.prepare import Prepared
from context_service.model.access import Access, Classification
from context_service.model.claim import Modality
from context_service.model.document import Element, ElementKind
from context_service.releases.compare import Said, document_change, text_parts, with_chunks, with_claims
from context_service.releases.views import ChangeKind
from tests.unit.test_prepare import prepared


def stands(text: str = "Returns are free.", **more: object) -> Prepared:
    return prepared((Element(kind=ElementKind.PARAGRAPH, text=text),), **more)  # type: ignore[arg-type]  # passed on as it is


def test_two_syncs_of_the_same_text_change_nothing() -> None:
    assert document_change(stands(draft=1).revision, stands(draft=2).revision) is None


def test_a_new_text_a_gone_one_and_a_changed_one() -> None:
    one, other = stands().revision, stands("Returns cost EUR 5.", draft=2).revision
    assert [change.kind for change in (document_change(None, one), document_change(one, None)) if change] == [
        ChangeKind.ADDED,
        ChangeKind.REMOVED,
    ]
    change = document_change(one, other)
    assert change
    assert (change.kind, change.text, change.fields, change.access) == (ChangeKind.CHANGED, True, (), None)


def test_fields_and_access_are_named() -> None:
    one = stands().revision
    access = Access(classification=Classification.PUBLIC, audiences=frozenset({"agents", "staff"}))
    governance = one.governance.model_copy(update={"authority": "article", "rank": 40, "access": access})
    change = document_change(one, one.model_copy(update={"governance": governance, "title": "Taking it back"}))
    assert change
    assert not change.text
    assert [field.field for field in change.fields] == ["authority", "access", "title"]
    assert change.access
    assert (change.access.gains, change.access.loses) == (("audience staff",), ())


def test_directives_that_come_or_go_are_told_apart_from_other_claims() -> None:
    change = document_change(None, stands().revision)
    assert change
    kept, fact = Said("keep", "Keep the box.", Modality.MUST), Said("open", "We are open.", Modality.IS)
    gone, come = Said("ship", "Do not ship glass.", Modality.MUST_NOT), Said("ask", "Agents must ask for the order.", Modality.MUST)
    counted = with_claims(change, [kept, gone, gone, fact], [come, kept])
    assert (counted.claims_added, counted.claims_removed) == (1, 2)
    assert [(one.modality, one.comes, one.text) for one in counted.directives] == [
        (Modality.MUST_NOT, False, "Do not ship glass."),
        (Modality.MUST, True, "Agents must ask for the order."),
    ]


def test_chunks_that_say_the_same_to_the_same_people_are_kept() -> None:
    before = prepared()
    after = prepared(
        (
            *before_elements(),
            Element(kind=ElementKind.PARAGRAPH, text="Parcels are free."),
        ),
        draft=2,
    )
    change = document_change(before.revision, after.revision)
    assert change
    counted = with_chunks(change, before.chunks, after.chunks)
    assert (counted.chunks_added, counted.chunks_removed, counted.chunks_kept) == (1, 1, 1)


def before_elements() -> tuple[Element, ...]:
    return (
        Element(kind=ElementKind.HEADING, text="Returns", level=1),
        Element(kind=ElementKind.PARAGRAPH, text="You can return a lamp within 30 days."),
        Element(kind=ElementKind.HEADING, text="Costs", level=2),
        Element(kind=ElementKind.PARAGRAPH, text="Returns are free."),
    )


sentences = st.lists(st.sampled_from(["One is here.", "Two is there.", "Three follows."]), max_size=8)


@given(sentences, sentences)
def test_both_texts_can_be_read_from_the_parts(before: list[str], after: list[str]) -> None:
    parts = text_parts(" ".join(before), " ".join(after))
    assert [line for part in parts if part.kind != "added" for line in part.text.split("\n")] == before
    assert [line for part in parts if part.kind != "removed" for line in part.text.split("\n")] == after
