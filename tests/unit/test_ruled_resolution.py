"""Which rival is told: every gate, every rule, and every pair of them against each other in both orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations, permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.resolve import Claimant, Resolution, Verdict, decided_by, resolve
from context_service.model.applicability import Status, Window
from context_service.model.context import Reason
from context_service.model.rivalry import Passage
from context_service.model.workflow import RANKING_RULES, DecidedBy

DAY = date(2026, 11, 20)
OTHERS = [rule for rule in RANKING_RULES if rule is not DecidedBy.RULING]
RULING = Verdict("r1", "Ruled by ada on 2026-11-01: because.")


def side(name: str) -> Claimant:
    """A side that no rule prefers to another one made here."""
    return Claimant(
        passage=Passage(chunk=name, start=0, end=9),
        ref=f"handbook:{name}",
        authority="policy",
        rank=80,
        conditions={},
        effective=Window(),
        status=Status.CURRENT,
        supersedes=(),
        modified=datetime(2026, 1, 1, tzinfo=UTC),
    )


A, B = side("a"), side("b")
Prefer = Callable[[Claimant, Claimant], tuple[Claimant, Claimant]]
"""Makes the first of two sides the one that a rule prefers."""

PREFER: dict[DecidedBy, Prefer] = {
    DecidedBy.RULING: lambda a, b: (replace(a, wins={**a.wins, b.passage: RULING}), b),
    DecidedBy.SPECIFICITY: lambda a, b: (replace(a, conditions={"region": frozenset({"DE"})}), b),
    DecidedBy.AUTHORITY: lambda a, b: (replace(a, rank=90, authority="law"), b),
    DecidedBy.SUPERSEDES: lambda a, b: (replace(a, supersedes=(b.ref,)), b),
    DecidedBy.RECENCY: lambda a, b: (replace(a, modified=datetime(2026, 6, 1, tzinfo=UTC)), b),
}
GATES: dict[DecidedBy, Prefer] = {
    DecidedBy.STATUS: lambda a, b: (a, replace(b, status=Status.WITHDRAWN)),
    DecidedBy.EFFECTIVE_WINDOW: lambda a, b: (a, replace(b, effective=Window(until=date(2026, 6, 30)))),
    DecidedBy.RULING: lambda a, b: (a, replace(b, void=RULING)),
}


def contradict(_: Claimant, __: Claimant) -> bool:
    return True


def settle(*sides: Claimant, order: Sequence[DecidedBy] = RANKING_RULES) -> Resolution:
    return resolve(sides, contradict, order, DAY)


def told(resolution: Resolution) -> list[str]:
    return [one.passage.chunk for one in resolution.winners]


def test_the_tables_here_know_every_rule() -> None:
    assert PREFER.keys() == set(RANKING_RULES)


@pytest.mark.parametrize("rule", RANKING_RULES)
def test_a_rule_alone_decides_and_every_rule_before_it_says_why_it_does_not(rule: DecidedBy) -> None:
    for a, b in (PREFER[rule](A, B), PREFER[rule](B, A)):
        resolution = settle(b, a)
        assert told(resolution) == [a.passage.chunk]
        (loss,) = resolution.losses
        assert (loss.claimant, loss.to, loss.rule) == (b, a, rule)
        assert [reason.rule for reason in loss.reasons] == list(RANKING_RULES[: RANKING_RULES.index(rule) + 1])
        assert [reason.decided for reason in loss.reasons] == [False] * (len(loss.reasons) - 1) + [True]
        assert loss.ruling == ("r1" if rule is DecidedBy.RULING else None)


@pytest.mark.parametrize(("first", "second"), list(permutations(RANKING_RULES, 2)))
def test_of_two_rules_that_disagree_the_earlier_one_decides(first: DecidedBy, second: DecidedBy) -> None:
    a, b = PREFER[first](A, B)
    b, a = PREFER[second](b, a)
    if second is DecidedBy.RECENCY:
        b = replace(b, modified=datetime(2026, 9, 1, tzinfo=UTC))
    for order, winner, rule in (((first, second), "a", first), ((second, first), "b", second)):
        resolution = settle(a, b, order=order)
        assert (told(resolution), resolution.losses[0].rule) == ([winner], rule)
        assert resolution == settle(b, a, order=order), "the order of the sides does not matter"


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("rule", RANKING_RULES)
def test_a_gate_comes_before_every_rule(gate: DecidedBy, rule: DecidedBy) -> None:
    b, a = PREFER[rule](B, A)
    a, b = GATES[gate](a, b)
    (loss,) = settle(a, b).losses
    assert (loss.claimant, loss.rule) == (b, gate)
    assert len(loss.reasons) == 1


@pytest.mark.parametrize("gate", GATES)
def test_where_a_gate_stops_every_side_nothing_is_told_and_nobody_lost(gate: DecidedBy) -> None:
    _, a = GATES[gate](B, A)
    _, b = GATES[gate](A, B)
    assert settle(a, b) == Resolution()


def test_when_no_rule_tells_them_apart_both_are_undecided_and_every_rule_says_so() -> None:
    resolution = settle(A, B)
    assert resolution.undecided == (A, B)
    assert [reason.rule for reason in resolution.reasons] == [*RANKING_RULES, DecidedBy.UNRESOLVED]
    assert not any(reason.decided for reason in resolution.reasons)


@pytest.mark.parametrize("rule", OTHERS)
def test_no_rule_after_the_ruling_decides_between_sides_that_hang_on_something_unknown(rule: DecidedBy) -> None:
    a, b = PREFER[rule](A, B)
    a, b = replace(a, hangs={b.passage: RULING}), replace(b, hangs={a.passage: RULING}, unknown=("plan",))
    resolution = settle(a, b)
    assert (set(resolution.needs), resolution.ruling) == ({"plan"}, "r1")
    assert {one.passage.chunk for one in resolution.undecided} == {"a", "b"}
    assert resolution.reasons[0].rule is DecidedBy.RULING
    assert "plan" in resolution.reasons[0].because


@pytest.mark.parametrize("rule", OTHERS)
def test_a_rule_that_a_workflow_puts_before_the_ruling_still_decides_when_the_ruling_hangs(rule: DecidedBy) -> None:
    a, b = PREFER[rule](A, B)
    a, b = replace(a, hangs={b.passage: RULING}), replace(b, hangs={a.passage: RULING}, unknown=("plan",))
    assert told(settle(a, b, order=(rule, DecidedBy.RULING))) == ["a"]


def test_a_ruling_between_two_says_nothing_of_a_third() -> None:
    c = replace(side("c"), rank=90)
    a, b = PREFER[DecidedBy.RULING](A, B)
    resolution = settle(a, b, c)
    assert told(resolution) == ["c"]
    assert {(loss.claimant.passage.chunk, loss.rule) for loss in resolution.losses} == {
        ("a", DecidedBy.AUTHORITY),
        ("b", DecidedBy.AUTHORITY),
    }


def test_the_state_of_a_conflict_asks_for_a_customer_for_whom_all_sides_hold() -> None:
    european = replace(A, conditions={"region": frozenset({"DE"})}, unknown=("region",))
    plus = replace(B, conditions={"plan": frozenset({"plus"})}, unknown=("plan",))
    assert decided_by([european, B], [], contradict, RANKING_RULES, DAY) is DecidedBy.SPECIFICITY
    assert decided_by([european, plus], [], contradict, RANKING_RULES, DAY) is None
    assert decided_by([replace(A, status=Status.DRAFT), B], [], contradict, RANKING_RULES, DAY) is DecidedBy.STATUS


@pytest.mark.parametrize(
    ("conditions", "decided"),
    [
        ({"region": {"DE"}, "plan": {"plus"}}, True),
        ({"region": {"DE", "FR"}, "plan": {"plus"}}, True),
        ({"region": {"DE"}, "plan": {"plus"}, "channel": {"voice"}}, False),
        ({"region": {"FR"}, "plan": {"plus"}}, False),
        ({}, False),
    ],
)
def test_a_third_text_decides_between_two_where_it_holds_for_everybody_for_whom_both_do(
    conditions: dict[str, set[str]], decided: bool
) -> None:
    regions = frozenset({"DE", "FR"}) if conditions.get("region") == {"DE", "FR"} else frozenset({"DE"})
    european, plus = replace(A, conditions={"region": regions}), replace(B, conditions={"plan": frozenset({"plus"})})
    third = replace(side("c"), conditions={name: frozenset(values) for name, values in conditions.items()}, unknown=("channel",))
    assert (decided_by([european, plus], [third], contradict, RANKING_RULES, DAY) is not None) is decided


def preferring(**pairs: str) -> Callable[[Claimant], Claimant]:
    """Puts rulings on sides: `a="bc"` says that a wins over b and c, each by a ruling named after the two."""

    def under(one: Claimant) -> Claimant:
        losers = pairs.get(one.passage.chunk, "")
        return replace(one, wins={side(name).passage: Verdict(one.passage.chunk + name, "Ruled.") for name in losers})

    return under


def among(*pairs: str) -> Callable[[Claimant, Claimant], bool]:
    return lambda a, b: "".join(sorted(a.passage.chunk + b.passage.chunk)) in pairs


def lost(resolution: Resolution) -> dict[str, tuple[str, DecidedBy, str | None]]:
    return {loss.claimant.passage.chunk: (loss.to.passage.chunk, loss.rule, loss.ruling) for loss in resolution.losses}


@pytest.mark.parametrize("rivals", [among("ab", "bc"), among("ab", "bc", "ac")], ids=["a and c agree", "all contradict"])
def test_what_lost_by_a_ruling_is_not_told_though_the_side_that_was_preferred_lost_too(
    rivals: Callable[[Claimant, Claimant], bool],
) -> None:
    for a, b, c in permutations((replace(side("a"), rank=90, authority="law"), side("b"), side("c"))):
        resolution = resolve([preferring(b="c")(one) for one in (a, b, c)], rivals, RANKING_RULES, DAY)
        assert told(resolution) == ["a"]
        assert lost(resolution)["b"] == ("a", DecidedBy.AUTHORITY, None)
        assert lost(resolution)["c"][0] == "a"


def test_what_lost_by_rank_to_a_side_that_lost_itself_is_told_where_it_contradicts_nothing_that_is() -> None:
    a, b, c = replace(side("a"), rank=100), replace(side("b"), rank=90), side("c")
    assert told(resolve([a, b, c], among("ab", "bc"), RANKING_RULES, DAY)) == ["a", "c"]


def test_a_chain_of_rulings_tells_its_head_alone() -> None:
    resolution = resolve([preferring(a="b", b="c")(side(name)) for name in "cab"], among("ab", "bc"), RANKING_RULES, DAY)
    assert told(resolution) == ["a"]
    assert lost(resolution) == {"b": ("a", DecidedBy.RULING, "ab"), "c": ("a", DecidedBy.RULING, "bc")}


CIRCLE = preferring(a="b", b="c", c="a")


def test_rulings_in_a_circle_decide_nothing_and_say_so() -> None:
    resolution = settle(*(CIRCLE(side(name)) for name in "bca"))
    assert [one.passage.chunk for one in resolution.undecided] == ["a", "b", "c"]
    assert resolution.reasons[0] == Reason(rule=DecidedBy.RULING, decided=False, because="The rulings on these go in a circle.")


def test_where_rulings_go_in_a_circle_the_next_rule_decides_and_is_named() -> None:
    resolution = settle(*(CIRCLE(replace(side(name), rank=90 if name == "c" else 80)) for name in "bca"))
    assert lost(resolution) == {"a": ("c", DecidedBy.AUTHORITY, None), "b": ("c", DecidedBy.AUTHORITY, None)}
    reasons = [reason.because for reason in resolution.losses[0].reasons]
    assert reasons[0] == "The rulings on these go in a circle."


def test_who_stands_outside_a_circle_of_rulings_gains_nothing_by_it() -> None:
    weak = replace(side("d"), rank=40)
    assert [one.passage.chunk for one in settle(weak, *(CIRCLE(side(name)) for name in "bca")).undecided] == ["a", "b", "c"]


def test_what_may_be_ruled_is_not_asked_for_where_a_later_rule_decides_as_the_ruling_would() -> None:
    hanging = Verdict("r1", "Ruled.", unknown=("plan",))
    strong, weak = replace(A, rank=90), replace(B, hangs={A.passage: hanging})
    assert told(settle(strong, weak)) == ["a"]
    against = settle(replace(strong, hangs={B.passage: hanging}), B)
    assert (against.needs, against.ruling) == (("plan",), "r1")
    assert {one.passage.chunk for one in against.undecided} == {"a", "b"}


PLACES = [Passage(chunk=chunk, start=start, end=end) for chunk in "xy" for start, end in ((0, 9), (0, 12), (20, 30))]
VERDICTS = [Verdict("r1", "Ruled."), Verdict("r2", "Ruled again.", unknown=("plan",))]
CONDITIONS = [{}, {"region": frozenset({"DE"})}, {"region": frozenset({"DE", "FR"})}, {"plan": frozenset({"plus"})}]


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[Claimant], frozenset[frozenset[Passage]]]:
    """Some sides in any relation to each other, and who contradicts whom."""
    passages = draw(st.lists(st.sampled_from(PLACES), min_size=2, max_size=5, unique=True))
    ruled = st.dictionaries(st.sampled_from(passages), st.sampled_from(VERDICTS), max_size=2)
    sides = [
        Claimant(
            passage=passage,
            ref=f"s:{number}",
            authority="tier",
            rank=draw(st.sampled_from([40, 80])),
            conditions=draw(st.sampled_from(CONDITIONS)),
            effective=draw(st.sampled_from([Window(), Window(until=date(2026, 1, 1))])),
            status=draw(st.sampled_from([Status.CURRENT, Status.CURRENT, Status.DRAFT])),
            supersedes=tuple(draw(st.sets(st.sampled_from(["s:0", "s:1", "s:2"]), max_size=2))),
            modified=draw(st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)])),
            unknown=draw(st.sampled_from([(), (), ("region",)])),
            void=draw(st.sampled_from([None, None, RULING])),
            wins=draw(ruled),
            hangs=draw(ruled),
        )
        for number, passage in enumerate(passages)
    ]
    pairs = [frozenset(pair) for pair in combinations(passages, 2)]
    return sides, draw(st.frozensets(st.sampled_from(pairs), min_size=1))


@given(groups(), st.permutations(RANKING_RULES), st.integers(0, 5), st.randoms(use_true_random=False))
def test_any_group_is_resolved_whole_and_the_same_whatever_order_its_sides_come_in(
    group: tuple[list[Claimant], frozenset[frozenset[Passage]]], order: list[DecidedBy], rules: int, random: Random
) -> None:
    sides, pairs = group

    def rivals(a: Claimant, b: Claimant) -> bool:
        return frozenset((a.passage, b.passage)) in pairs

    resolution = resolve(sides, rivals, order[:rules], DAY)
    shuffled = random.sample(sides, len(sides))
    assert repr(resolve(shuffled, rivals, order[:rules], DAY)) == repr(resolution)
    ended = [*resolution.winners, *resolution.undecided, *(loss.claimant for loss in resolution.losses)]
    assert not ended or sorted(one.ref for one in ended) == sorted(one.ref for one in sides), "every side ends once"
    assert not any(rivals(a, b) for a, b in combinations(resolution.winners, 2)), "no two that are told contradict each other"
    for loss in resolution.losses:
        assert all(not reason.decided for reason in loss.reasons[:-1])
        assert loss.reasons[-1].decided
        assert loss.to in (*resolution.winners, *resolution.undecided)
