"""For whom a text holds: yes, no, or not known yet."""

from __future__ import annotations

from datetime import date

import pytest

from context_service.model.applicability import Applicability, Window
from context_service.policy.applies import Fit, Match, Regions, conditions, fit

REGIONS = Regions({"EU": ("DE", "FR", "Benelux"), "Benelux": ("NL", "BE"), "US": ("US-CA", "US-NY"), "UK": ()})
Sets = dict[str, set[str]]
YES, NO = Fit(Match.YES), Fit(Match.NO)


def unknown(*attributes: str) -> Fit:
    return Fit(Match.UNKNOWN, attributes)


def frozen(sets: Sets) -> dict[str, frozenset[str]]:
    return {name: frozenset(values) for name, values in sets.items()}


@pytest.mark.parametrize(
    ("needed", "known", "expected"),
    [
        ({}, {}, YES),
        ({}, {"region": {"DE"}}, YES),
        ({"region": {"DE"}}, {"region": {"DE"}}, YES),
        ({"region": {"DE", "FR"}}, {"region": {"DE"}}, YES),
        ({"region": {"DE"}}, {"region": {"FR"}}, NO),
        ({"region": {"DE"}}, {}, unknown("region")),
        ({"region": {"DE"}}, {"plan": {"plus"}}, unknown("region")),
        ({"region": {"DE"}}, {"region": {"DE", "FR"}}, unknown("region")),
        ({"region": {"DE", "FR"}}, {"region": {"DE", "FR"}}, YES),
        ({"region": {"DE"}, "plan": {"plus"}}, {"region": {"DE"}, "plan": {"plus"}}, YES),
        ({"region": {"DE"}, "plan": {"plus"}}, {"region": {"DE"}}, unknown("plan")),
        ({"region": {"DE"}, "plan": {"plus"}}, {}, unknown("region", "plan")),
        ({"region": {"DE"}, "plan": {"plus"}}, {"plan": {"free"}}, NO),
        ({"plan": {"plus"}, "region": {"DE"}}, {"region": {"FR"}}, NO),
        ({"product": {"hub"}}, {"product": {"hub", "lamp"}}, YES),
        ({"product": {"hub", "lamp"}}, {"product": {"lamp"}}, YES),
        ({"product": {"hub"}}, {"product": {"lamp"}}, NO),
        ({"product": {"hub"}}, {}, unknown("product")),
        ({"plan": {"plus"}}, {"plan": {"plus", "free"}}, unknown("plan")),
    ],
)
def test_a_text_fits_does_not_fit_or_leaves_attributes_open(needed: Sets, known: Sets, expected: Fit) -> None:
    assert fit(frozen(needed), frozen(known)) == expected


@pytest.mark.parametrize(
    ("region", "leaves"),
    [
        ("DE", {"DE"}),
        ("Benelux", {"NL", "BE"}),
        ("EU", {"DE", "FR", "NL", "BE"}),
        ("UK", {"UK"}),
        ("Atlantis", {"Atlantis"}),
    ],
)
def test_a_group_covers_its_members_and_theirs(region: str, leaves: set[str]) -> None:
    assert REGIONS.expand(region) == leaves


@pytest.mark.parametrize(
    ("groups", "region", "leaves"),
    [
        ({"A": ("A",)}, "A", {"A"}),
        ({"A": ("A", "DE")}, "A", {"DE"}),
        ({"A": ("B",), "B": ("A",)}, "A", {"A", "B"}),
        ({"A": ("B",), "B": ("A",)}, "B", {"A", "B"}),
        ({"A": ("B", "DE"), "B": ("A", "FR")}, "A", {"DE", "FR"}),
        ({"A": ("B", "DE"), "B": ("A", "FR")}, "B", {"DE", "FR"}),
    ],
)
def test_groups_that_hold_each_other_cover_the_same(groups: dict[str, tuple[str, ...]], region: str, leaves: set[str]) -> None:
    assert Regions(groups).expand(region) == leaves


def test_a_dense_tangle_of_groups_is_expanded_at_once() -> None:
    names = [f"G{number}" for number in range(40)]
    groups = dict.fromkeys(names, (*names, "DE"))
    assert Regions(groups).expand("G0") == {"DE"}


def test_conditions_expand_region_groups_and_nothing_else() -> None:
    applicability = Applicability(regions=frozenset({"Benelux", "UK"}), plans=frozenset({"EU"}), workflows=frozenset({"refund"}))
    assert conditions(applicability, REGIONS) == frozen({"region": {"NL", "BE", "UK"}, "plan": {"EU"}, "workflow": {"refund"}})


def test_a_text_without_applicability_sets_no_condition() -> None:
    assert conditions(Applicability(), REGIONS) == {}


def test_every_field_of_applicability_is_a_condition() -> None:
    everything = Applicability.model_validate({name: ["x"] for name in Applicability.model_fields})
    assert set(conditions(everything, REGIONS)) == {name.removesuffix("s") for name in Applicability.model_fields}


@pytest.mark.parametrize(
    ("since", "until", "day", "holds"),
    [
        (None, None, "2026-06-01", True),
        ("2026-06-01", None, "2026-05-31", False),
        ("2026-06-01", None, "2026-06-01", True),
        (None, "2026-06-30", "2026-06-30", True),
        (None, "2026-06-30", "2026-07-01", False),
        ("2026-06-01", "2026-06-01", "2026-06-01", True),
    ],
)
def test_a_window_holds_on_both_its_end_days(since: str | None, until: str | None, day: str, holds: bool) -> None:
    assert Window.model_validate({"from": since, "to": until}).holds_on(date.fromisoformat(day)) is holds
