"""A ruling that is not valid never decides anything, however it came to be invalid."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from context_service.model.applicability import Applicability
from context_service.model.conflict import Ruling, RulingOutcome, RulingScope, text_digest
from context_service.model.rivalry import Passage
from context_service.policy.applies import Regions
from context_service.retrieval.ruled import Request, Ruled, Words, apply_rulings, void_alone
from tests.conflict_values import NOW, conflict, conflict_side, ruling_on

ASKED = Request("refund", {"plan": frozenset({"plus"}), "region": frozenset({"DE"})}, Regions({"EU": ("DE", "FR")}))
AGO = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
WORDS = st.sampled_from(["within 30 days", "within 14 days", "within 45 days", "Within 30 days", "within 30 days "])
DOCUMENTS = st.sampled_from(["a.md", "b.md", "c.md"])
ELSEWHERE = st.sampled_from(
    [
        RulingScope(workflows=frozenset({"billing"})),
        RulingScope(workflows=frozenset()),
        RulingScope(applicability=Applicability(plans=frozenset({"basic"}))),
        RulingScope(applicability=Applicability(regions=frozenset({"US"}), plans=frozenset({"plus"}))),
        RulingScope(applicability=Applicability(workflows=frozenset({"billing"}))),
    ]
)
OUTCOMES = st.sampled_from(RulingOutcome)


def ruling(outcome: RulingOutcome, **more: object) -> Ruling:
    stored = conflict(conflict_side("a.md", "within 30 days"), conflict_side("b.md", "within 14 days"))
    conditions = {stored.sides[0].id: Applicability(plans=frozenset({"basic"}))} if outcome is RulingOutcome.BOTH_HOLD else {}
    return ruling_on(stored, outcome, conditions=conditions, **more)


def words(document: str, text: str, chunk: str) -> Words:
    return Words(Passage(chunk=chunk, start=0, end=len(text)), document, text_digest(text))


RULED_ON = (words("a.md", "within 30 days", "left"), words("b.md", "within 14 days", "right"))


def effect(one: Ruling, pair: tuple[Words, Words] = RULED_ON, asked: Request = ASKED) -> tuple[Ruled, object]:
    """What one ruling does to a request that is made now."""
    standing = [one] if one.stands_at(NOW) else []
    return apply_rulings(standing, [pair], asked), void_alone(standing, pair, asked)


SILENCE: tuple[Ruled, object] = (Ruled(), {})


@given(OUTCOMES, AGO, AGO)
def test_what_has_ended_or_is_still_to_come_never_decides(outcome: RulingOutcome, ended: timedelta, made: timedelta) -> None:
    over = NOW - ended
    for invalid in (
        ruling(outcome, made_at=over - made, revoked_at=over, revoked_by="ada"),
        ruling(outcome, made_at=over - made, expires_at=over),
        ruling(outcome, made_at=NOW + made),
    ):
        assert effect(invalid) == SILENCE


@given(OUTCOMES, ELSEWHERE)
def test_one_whose_scope_does_not_cover_the_request_never_decides(outcome: RulingOutcome, scope: RulingScope) -> None:
    asked = Request("refund", {**ASKED.known, "workflow": frozenset({"refund"})}, ASKED.regions)
    assert effect(ruling(outcome, scope=scope), asked=asked) == SILENCE


@given(OUTCOMES, DOCUMENTS, WORDS, DOCUMENTS, WORDS)
def test_one_decides_exactly_between_the_words_it_was_made_about(
    outcome: RulingOutcome, left: str, left_text: str, right: str, right_text: str
) -> None:
    pair = (words(left, left_text, "left"), words(right, right_text, "right"))
    sides = {(one.document, one.text) for one in pair}
    on_these_words = sides == {(one.document, one.text) for one in RULED_ON}
    assert (effect(ruling(outcome), pair)[0] != Ruled()) is on_these_words
