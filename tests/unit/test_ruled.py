"""What rulings say of passages, for one request: every outcome in every situation, by table."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from context_service.model.applicability import Applicability
from context_service.model.conflict import Ruling, RulingOutcome, RulingScope, text_digest
from context_service.model.rivalry import Passage
from context_service.policy.applies import Regions
from context_service.retrieval.ruled import Request, Words, apply_rulings, void_alone
from tests.conflict_values import NOW, conflict, conflict_side, ruling_on

LONG = Words(Passage(chunk="l", start=0, end=14), "long.md", text_digest("within 30 days"))
SHORT = Words(Passage(chunk="s", start=0, end=14), "short.md", text_digest("within 14 days"))
STORED = conflict(conflict_side("long.md", "within 30 days"), conflict_side("short.md", "within 14 days"))
LONG_SIDE, SHORT_SIDE = STORED.sides
PLUS = Applicability(plans=frozenset({"plus"}))
BASIC = Applicability(plans=frozenset({"basic"}))
BOTH = {LONG_SIDE.id: PLUS, SHORT_SIDE.id: BASIC}
FOR_PLUS = RulingScope(applicability=PLUS)
REFUNDS = RulingScope(workflows=frozenset({"refund"}))


def request(workflow: str | None = "refund", **known: str) -> Request:
    return Request(workflow, {name: frozenset({value}) for name, value in known.items()}, Regions({}))


def said(ruling: Ruling, asked: Request, left: Words = LONG, right: Words = SHORT) -> str:
    """What becomes of the two: `left` or `right` (the other one loses), `both`, `neither`, `ask` for something, or `silent`."""
    ruled = apply_rulings([ruling], [(left, right)], asked)
    void = [one in ruled.void for one in (left.passage, right.passage)]
    if any(void):
        return {(True, False): "right", (False, True): "left", (True, True): "neither"}[void[0], void[1]]
    if ruled.hangs:
        verdicts = [verdict for pairs in ruled.hangs.values() for verdict in pairs.values()]
        needs = {*ruled.needs[left.passage], *ruled.needs[right.passage], *(name for one in verdicts for name in one.unknown)}
        return f"ask {'/'.join(sorted(needs))}"
    if ruled.agreed:
        return "both"
    if ruled.wins:
        return "left" if right.passage in ruled.wins.get(left.passage, {}) else "right"
    return "silent"


SIDE_WINS, FIX = RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE
NOTHING, HOLD = RulingOutcome.NOT_A_CONFLICT, RulingOutcome.BOTH_HOLD
CASES: list[tuple[Ruling, Request, str]] = [
    (ruling_on(STORED, SIDE_WINS), request(), "left"),
    (ruling_on(STORED, SIDE_WINS, side=SHORT_SIDE.id), request(), "right"),
    (ruling_on(STORED, FIX), request(), "right"),
    (ruling_on(STORED, FIX, side=SHORT_SIDE.id), request(), "left"),
    (ruling_on(STORED, NOTHING), request(), "both"),
    (ruling_on(STORED, HOLD, conditions=BOTH), request(plan="plus"), "left"),
    (ruling_on(STORED, HOLD, conditions=BOTH), request(plan="basic"), "right"),
    (ruling_on(STORED, HOLD, conditions=BOTH), request(plan="gold"), "neither"),
    (ruling_on(STORED, HOLD, conditions=BOTH), request(), "ask plan"),
    (ruling_on(STORED, HOLD, conditions={LONG_SIDE.id: PLUS}), request(plan="plus"), "both"),
    (ruling_on(STORED, HOLD, conditions={LONG_SIDE.id: PLUS}), request(plan="basic"), "right"),
    (ruling_on(STORED, HOLD, conditions={LONG_SIDE.id: PLUS}), request(), "ask plan"),
    (
        ruling_on(STORED, HOLD, conditions={LONG_SIDE.id: PLUS, SHORT_SIDE.id: Applicability(regions=frozenset({"DE"}))}),
        request(),
        "ask plan/region",
    ),
    (ruling_on(STORED, SIDE_WINS, scope=REFUNDS), request(), "left"),
    (ruling_on(STORED, SIDE_WINS, scope=REFUNDS), request("billing"), "silent"),
    (ruling_on(STORED, SIDE_WINS, scope=REFUNDS), request(None), "silent"),
    (ruling_on(STORED, SIDE_WINS, scope=FOR_PLUS), request(plan="plus"), "left"),
    (ruling_on(STORED, SIDE_WINS, scope=FOR_PLUS), request(plan="basic"), "silent"),
    (ruling_on(STORED, SIDE_WINS, scope=FOR_PLUS), request(), "ask plan"),
    (ruling_on(STORED, FIX, scope=FOR_PLUS), request(), "ask plan"),
    (ruling_on(STORED, NOTHING, scope=FOR_PLUS), request(), "ask plan"),
    (ruling_on(STORED, NOTHING, scope=FOR_PLUS), request(plan="basic"), "silent"),
]


@pytest.mark.parametrize(("ruling", "asked", "expected"), CASES)
def test_a_ruling_says_what_it_was_made_to_say(ruling: Ruling, asked: Request, expected: str) -> None:
    mirrored = {"left": "right", "right": "left"}
    assert said(ruling, asked) == expected
    assert said(ruling, asked, SHORT, LONG) == mirrored.get(expected, expected)


@pytest.mark.parametrize("outcome", RulingOutcome)
@pytest.mark.parametrize(
    "other",
    [
        Words(SHORT.passage, "short.md", text_digest("within 15 days")),
        Words(SHORT.passage, "copy.md", SHORT.text),
        Words(SHORT.passage, "long.md", LONG.text),
    ],
    ids=["changed", "another document", "the same side"],
)
def test_a_ruling_says_nothing_of_words_it_was_not_made_about(outcome: RulingOutcome, other: Words) -> None:
    conditions: Mapping[str, Applicability] = BOTH if outcome is HOLD else {}
    assert said(ruling_on(STORED, outcome, conditions=conditions), request(plan="gold"), LONG, other) == "silent"


def test_of_two_rulings_on_the_same_words_the_newer_one_decides() -> None:
    older, newer = ruling_on(STORED), ruling_on(STORED, id="r2", side=SHORT_SIDE.id, made_at=NOW.replace(hour=13))
    for rulings in ([older, newer], [newer, older]):
        ruled = apply_rulings(rulings, [(LONG, SHORT)], request())
        assert {verdict.ruling for verdict in ruled.wins[SHORT.passage].values()} == {"r2"}
        assert LONG.passage not in ruled.wins


@pytest.mark.parametrize(
    ("ruling", "asked", "void"),
    [
        (ruling_on(STORED, FIX), request(), True),
        (ruling_on(STORED, FIX, side=SHORT_SIDE.id), request(), False),
        (ruling_on(STORED, FIX, scope=FOR_PLUS), request(plan="basic"), False),
        (ruling_on(STORED, FIX, scope=FOR_PLUS), request(), False),
        (ruling_on(STORED, HOLD, conditions=BOTH), request(plan="basic"), True),
        (ruling_on(STORED, HOLD, conditions=BOTH), request(plan="plus"), False),
        (ruling_on(STORED, HOLD, conditions=BOTH), request(), False),
        (ruling_on(STORED, SIDE_WINS, side=SHORT_SIDE.id), request(), False),
        (ruling_on(STORED, NOTHING), request(), False),
    ],
)
def test_a_side_without_a_rival_is_kept_back_where_the_ruling_says_it_does_not_hold(ruling: Ruling, asked: Request, void: bool) -> None:
    assert (LONG.passage in void_alone([ruling], [LONG], asked)) is void


def test_the_reason_names_who_ruled_when_and_why() -> None:
    ruled = apply_rulings([ruling_on(STORED)], [(LONG, SHORT)], request())
    assert ruled.wins[LONG.passage][SHORT.passage].because == "Ruled by ada on 2026-11-20: because"
