"""Which rival is told, rule by rule and rule against rule, and the chain of reasons that says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import combinations, permutations
from typing import Any

import pytest

from context_service.conflicts.resolve import DECIDED, RULES, UNDECIDED, Claimant, Resolution, prefer_copy, resolve
from context_service.model.applicability import Status, Window
from context_service.model.rivalry import Passage
from context_service.model.workflow import RANKING_RULES, DecidedBy

DAY = date(2026, 11, 20)
JANUARY, JUNE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
EU, PREMIUM = {"region": frozenset({"DE", "FR"})}, {"plan": frozenset({"premium"})}
GERMANY = {"region": frozenset({"DE"})}
TIERS = {80: "policy", 60: "procedure", 40: "article"}


def side(name: str, rank: int = 60, **more: Any) -> Claimant:
    defaults: dict[str, Any] = {
        "passage": Passage(chunk=name, start=0, end=10),
        "ref": f"source:{name}",
        "authority": TIERS[rank],
        "rank": rank,
        "conditions": {},
        "effective": Window(),
        "status": Status.CURRENT,
        "supersedes": (),
        "modified": JANUARY,
    }
    return Claimant(**{**defaults, **more})


def all_rivals(a: Claimant, b: Claimant) -> bool:
    return a is not b


def among(*pairs: str) -> Any:
    """Rivals are the named pairs alone: `ab` says that a and b contradict each other."""
    return lambda a, b: "".join(sorted(a.passage.chunk + b.passage.chunk)) in pairs


def settle(*sides: Claimant, order: Sequence[DecidedBy] = RANKING_RULES, rivals: Any = all_rivals, day: date = DAY) -> Resolution:
    return resolve(sides, rivals, order, day)


def told(sides: Sequence[Claimant]) -> str:
    return "".join(side.passage.chunk for side in sides)


def lost(resolution: Resolution) -> dict[str, tuple[str, str]]:
    return {loss.claimant.passage.chunk: (loss.to.passage.chunk, loss.rule.value) for loss in resolution.losses}


STRONGER: dict[DecidedBy, tuple[dict[str, Any], dict[str, Any]]] = {
    DecidedBy.SPECIFICITY: ({"conditions": EU}, {}),
    DecidedBy.AUTHORITY: ({"rank": 80}, {}),
    DecidedBy.SUPERSEDES: ({"supersedes": ("source:b",)}, {}),
    DecidedBy.RECENCY: ({"modified": JUNE}, {}),
}
"""Rule -> what makes side a stronger than side b by it and no other."""

WEAKER: dict[DecidedBy, tuple[dict[str, Any], dict[str, Any]]] = {
    DecidedBy.SPECIFICITY: ({}, {"conditions": EU}),
    DecidedBy.AUTHORITY: ({}, {"rank": 80}),
    DecidedBy.SUPERSEDES: ({}, {"supersedes": ("source:a",)}),
    DecidedBy.RECENCY: ({}, {"modified": JUNE}),
}


def pair(*strengths: tuple[dict[str, Any], dict[str, Any]]) -> tuple[Claimant, Claimant]:
    of_a = {name: value for a, _ in strengths for name, value in a.items()}
    of_b = {name: value for _, b in strengths for name, value in b.items()}
    return side("a", **of_a), side("b", **of_b)


@pytest.mark.parametrize("rule", STRONGER)
def test_each_rule_decides_where_no_other_does(rule: DecidedBy) -> None:
    resolution = settle(*pair(STRONGER[rule]))
    assert told(resolution.winners) == "a"
    assert lost(resolution) == {"b": ("a", rule.value)}
    assert (resolution.undecided, resolution.needs, resolution.reasons) == ((), (), ())


@pytest.mark.parametrize(("earlier", "later"), list(combinations(STRONGER, 2)))
def test_an_earlier_rule_decides_against_a_later_one(earlier: DecidedBy, later: DecidedBy) -> None:
    resolution = settle(*pair(STRONGER[earlier], WEAKER[later]))
    assert lost(resolution) == {"b": ("a", earlier.value)}


@pytest.mark.parametrize(("first", "second"), list(permutations(STRONGER, 2)))
def test_the_order_of_the_rules_is_the_workflows(first: DecidedBy, second: DecidedBy) -> None:
    resolution = settle(*pair(STRONGER[first], WEAKER[second]), order=[first, second])
    assert lost(resolution) == {"b": ("a", first.value)}


@pytest.mark.parametrize("rule", STRONGER)
def test_a_rule_that_the_workflow_leaves_out_does_not_decide(rule: DecidedBy) -> None:
    resolution = settle(*pair(STRONGER[rule]), order=[other for other in RANKING_RULES if other is not rule])
    assert told(resolution.undecided) in ("ab", "ba")
    assert resolution.reasons[-1].rule is DecidedBy.UNRESOLVED


@pytest.mark.parametrize("rule", STRONGER)
def test_the_chain_names_each_earlier_rule_and_why_it_did_not_decide(rule: DecidedBy) -> None:
    resolution = settle(*pair(STRONGER[rule]))
    reasons = resolution.losses[0].reasons
    assert [reason.rule for reason in reasons] == list(RANKING_RULES[: RANKING_RULES.index(rule) + 1])
    assert [reason.decided for reason in reasons] == [False] * (len(reasons) - 1) + [True]
    a, b = pair(STRONGER[rule])
    assert [reason.because for reason in reasons] == [*(UNDECIDED[one.rule](a, b) for one in reasons[:-1]), DECIDED[rule](a, b)]


def test_the_reasons_are_sentences_about_these_two() -> None:
    because = {rule: settle(*pair(strength)).losses[0].reasons[-1].because for rule, strength in STRONGER.items()}
    assert because == {
        DecidedBy.SPECIFICITY: "source:a is written for region DE/FR, source:b for everyone.",
        DecidedBy.AUTHORITY: "policy (80) outranks procedure (60).",
        DecidedBy.SUPERSEDES: "source:a declares that it supersedes source:b.",
        DecidedBy.RECENCY: "source:a stands since 2026-06-01, source:b since 2026-01-01.",
    }


def test_every_ranking_rule_can_decide_and_can_say_why_it_did_not() -> None:
    assert RULES.keys() == UNDECIDED.keys() == set(RANKING_RULES)
    assert DECIDED.keys() == set(RANKING_RULES)


def test_where_no_rule_decides_both_sides_are_left_with_the_whole_chain() -> None:
    resolution = settle(side("a"), side("b"))
    assert told(resolution.undecided) == "ab"
    assert (resolution.winners, resolution.losses, resolution.needs) == ((), (), ())
    assert [reason.rule for reason in resolution.reasons] == [*RANKING_RULES, DecidedBy.UNRESOLVED]
    assert not any(reason.decided for reason in resolution.reasons)


def test_a_workflow_without_rules_decides_nothing_but_the_gates() -> None:
    assert told(settle(side("a", rank=80), side("b"), order=[]).undecided) == "ab"
    assert lost(settle(side("a"), side("b", status=Status.DRAFT), order=[])) == {"b": ("a", "status")}


@pytest.mark.parametrize("strength", STRONGER.values())
@pytest.mark.parametrize(
    ("stopped", "rule"),
    [
        ({"status": Status.WITHDRAWN}, "status"),
        ({"status": Status.DRAFT}, "status"),
        ({"effective": Window.model_validate({"to": "2026-11-19"})}, "effective_window"),
        ({"effective": Window.model_validate({"from": "2026-11-21"})}, "effective_window"),
        ({"status": Status.DRAFT, "effective": Window.model_validate({"from": "2031-01-01"})}, "status"),
    ],
)
def test_a_gate_stops_the_side_that_every_rule_prefers(
    strength: tuple[dict[str, Any], dict[str, Any]], stopped: dict[str, Any], rule: str
) -> None:
    strong, weak = strength
    resolution = settle(side("a", **{**strong, **stopped}), side("b", **weak))
    assert told(resolution.winners) == "b"
    assert lost(resolution) == {"a": ("b", rule)}
    assert len(resolution.losses[0].reasons) == 1


def test_a_gate_says_what_it_saw() -> None:
    windows = [{"to": "2025-12-31"}, {"from": "2027-01-01"}, {"from": "2020-01-01", "to": "2021-01-01"}]
    because = [settle(side("a"), side("b", effective=Window.model_validate(window))).losses[0].reasons[0].because for window in windows]
    assert because == [
        "source:b holds until 2025-12-31, not on 2026-11-20.",
        "source:b holds from 2027-01-01, not on 2026-11-20.",
        "source:b holds from 2020-01-01 to 2021-01-01, not on 2026-11-20.",
    ]


def test_the_day_asked_for_opens_and_closes_the_gates() -> None:
    old = side("a", effective=Window.model_validate({"to": "2026-12-31"}))
    new = side("b", effective=Window.model_validate({"from": "2027-01-01"}))
    assert told(settle(old, new, day=date(2026, 12, 31)).winners) == "a"
    assert told(settle(old, new, day=date(2027, 1, 1)).winners) == "b"


def test_where_a_gate_stops_every_side_there_is_nothing_to_tell() -> None:
    assert settle(side("a", status=Status.DRAFT), side("b", status=Status.WITHDRAWN)) == Resolution()


SPECIFICITY: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (EU, {}, True),
    (GERMANY, EU, True),
    (EU | PREMIUM, EU, True),
    (EU | PREMIUM, {}, True),
    (GERMANY | PREMIUM, EU | PREMIUM, True),
    (EU, EU, False),
    (EU, PREMIUM, False),
    (GERMANY | PREMIUM, EU, True),
    (GERMANY, EU | PREMIUM, False),
    (EU, GERMANY, False),
    ({}, EU, False),
    ({"region": frozenset({"DE", "UK"})}, EU, False),
]


@pytest.mark.parametrize(("conditions", "others", "wins"), SPECIFICITY)
def test_the_side_for_the_narrower_group_is_the_more_specific(conditions: dict[str, Any], others: dict[str, Any], wins: bool) -> None:
    resolution = settle(side("a", conditions=conditions), side("b", conditions=others), order=[DecidedBy.SPECIFICITY])
    assert (told(resolution.winners) == "a") is wins


@pytest.mark.parametrize(
    ("of_a", "of_b", "winner"),
    [
        ({"effective": Window.model_validate({"from": "2026-02-01"})}, {}, "a"),
        ({"effective": Window.model_validate({"from": "2025-01-01"}), "modified": JUNE}, {}, "b"),
        ({"modified": None}, {}, ""),
        ({"modified": None}, {"modified": None}, ""),
        ({}, {}, ""),
        ({"modified": datetime(2026, 1, 1, 9, tzinfo=UTC)}, {}, "a"),
        ({"modified": JUNE, "effective": Window.model_validate({"from": "2026-01-01"})}, {}, "a"),
    ],
)
def test_what_took_effect_or_was_changed_later_is_the_more_recent(of_a: dict[str, Any], of_b: dict[str, Any], winner: str) -> None:
    assert told(settle(side("a", **of_a), side("b", **of_b)).winners) == winner


def test_two_documents_that_supersede_each_other_supersede_nothing() -> None:
    resolution = settle(side("a", supersedes=("source:b",)), side("b", supersedes=("source:a",)))
    assert told(resolution.undecided) == "ab"
    assert not any(reason.decided for reason in resolution.reasons)


def test_three_documents_that_supersede_each_other_in_a_circle_supersede_nothing() -> None:
    circle = [side(name, supersedes=(f"source:{other}",)) for name, other in ("ab", "bc", "ca")]
    assert told(settle(*circle).undecided) == "abc"
    assert told(settle(*circle, side("d", rank=40)).undecided) == "abc"
    assert told(settle(*circle, side("d", rank=80)).winners) == "d"


def test_unknown_attributes_that_decide_are_asked_for() -> None:
    resolution = settle(
        side("a"), side("b", conditions=EU, unknown=("region",)), side("c", conditions=EU | PREMIUM, unknown=("plan", "region"))
    )
    assert resolution.needs == ("plan", "region")
    assert told(resolution.undecided) == "abc"
    assert [(reason.rule, reason.decided) for reason in resolution.reasons] == [(DecidedBy.SPECIFICITY, False)]
    assert resolution.reasons[0].because == "It depends on the customer's plan and region, which is not known."


def test_an_unknown_attribute_is_not_asked_for_where_the_side_would_lose_anyway() -> None:
    order = [DecidedBy.AUTHORITY, DecidedBy.SPECIFICITY]
    resolution = settle(side("a", rank=80), side("b", conditions=EU, unknown=("region",)), order=order)
    assert (told(resolution.winners), resolution.needs) == ("a", ())
    assert lost(resolution) == {"b": ("a", "authority")}


def test_an_unknown_attribute_is_asked_for_where_no_side_is_certain() -> None:
    uk = {"region": frozenset({"UK"})}
    resolution = settle(side("a", conditions=EU, unknown=("region",)), side("b", conditions=uk, unknown=("region",)))
    assert (resolution.needs, told(resolution.undecided)) == (("region",), "ab")


def test_an_unknown_attribute_is_not_asked_for_where_its_side_agrees_with_the_winner() -> None:
    resolution = settle(side("a", rank=80), side("b", rank=40), side("c", conditions=EU, unknown=("region",)), rivals=among("ab", "bc"))
    assert (told(resolution.winners), resolution.needs) == ("ac", ())
    assert lost(resolution) == {"b": ("a", "authority")}


def test_what_loses_whatever_the_unknown_attribute_is_loses_at_once() -> None:
    resolution = settle(side("a", rank=80), side("b", rank=40), side("c", rank=80, conditions=EU, unknown=("region",)))
    assert (told(resolution.undecided), resolution.needs) == ("ac", ("region",))
    assert lost(resolution) == {"b": ("a", "authority")}


def test_a_side_stopped_at_a_gate_asks_for_nothing() -> None:
    resolution = settle(side("a"), side("b", conditions=EU, unknown=("region",), status=Status.DRAFT))
    assert (told(resolution.winners), resolution.needs) == ("a", ())


def test_a_side_stopped_at_a_gate_is_reported_beside_what_is_asked_for() -> None:
    resolution = settle(side("a"), side("b", conditions=EU, unknown=("region",)), side("c", status=Status.WITHDRAWN))
    assert resolution.needs == ("region",)
    assert lost(resolution) == {"c": ("a", "status")}


def test_sides_that_agree_win_together() -> None:
    resolution = settle(side("a", rank=80), side("b", rank=40), side("c", rank=80), rivals=among("ab", "bc"))
    assert told(resolution.winners) == "ac"
    assert lost(resolution) == {"b": ("a", "authority")}


def test_a_side_that_lost_only_to_a_loser_stands() -> None:
    resolution = settle(side("a", rank=80, conditions=EU), side("b", rank=60, conditions=EU), side("c", rank=40), rivals=among("ab", "bc"))
    assert told(resolution.winners) == "ac"
    assert lost(resolution) == {"b": ("a", "authority")}


def test_a_loser_is_replaced_by_a_winner_and_the_reason_is_the_rule_that_beat_it() -> None:
    weak, strong, winner = side("a", modified=JUNE), side("b", conditions=EU), side("c", rank=80, conditions=EU, modified=None)
    resolution = settle(weak, strong, winner)
    assert told(resolution.winners) == "c"
    assert lost(resolution) == {"a": ("c", "specificity"), "b": ("c", "authority")}


def test_a_loser_that_outranks_the_winner_names_the_rule_by_which_it_lost() -> None:
    chat = {"channel": frozenset({"chat"})}
    loser = side("a", rank=80, conditions=chat)
    beater = side("b", rank=40, conditions=chat | EU)
    winner = side("c", rank=60, conditions=PREMIUM)
    resolution = settle(loser, beater, winner)
    assert told(resolution.winners) == "c"
    assert lost(resolution) == {"a": ("c", "specificity"), "b": ("c", "authority")}


def test_three_that_cannot_be_told_apart_are_all_left() -> None:
    assert told(settle(side("a"), side("b"), side("c")).undecided) == "abc"


def test_the_weakest_of_three_loses_though_the_others_are_undecided() -> None:
    resolution = settle(side("a"), side("b"), side("c", rank=40))
    assert told(resolution.undecided) == "ab"
    assert lost(resolution) == {"c": ("a", "authority")}


@pytest.mark.parametrize(
    ("copies", "winner"),
    [
        ([side("a", rank=40), side("b", rank=80)], "b"),
        ([side("a"), side("b", modified=JUNE)], "b"),
        ([side("a", modified=None), side("b")], "b"),
        ([side("b"), side("a")], "a"),
        ([side("a", rank=40, modified=JUNE), side("b")], "b"),
    ],
)
def test_of_copies_the_highest_then_the_latest_then_the_first_by_name_is_told(copies: list[Claimant], winner: str) -> None:
    assert prefer_copy(copies).passage.chunk == winner
    assert prefer_copy(copies[::-1]).passage.chunk == winner
