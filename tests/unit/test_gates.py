"""The gates: what each holds, whom it names, and what passes."""

from __future__ import annotations

import pytest

from context_service.model.gate import GateResult, Thresholds
from context_service.model.golden import GoldenOutcome, Miss
from context_service.releases.gates import Coverage, Evidence, OpenedConflict, Widening, holds, judge

BOTH = frozenset({"handbook", "website"})
LINES = Thresholds(conflict_severity=0.6)


def results(evidence: Evidence, thresholds: Thresholds = LINES) -> dict[str, GateResult]:
    return {result.gate: result for result in judge(evidence, thresholds)}


def missed(name: str, *sources: str, before: bool = False) -> GoldenOutcome:
    miss = Miss(what="must_contain", expected="30 days", got="a secret")
    return GoldenOutcome(
        question=name, workflow="refund", query="How long?", misses=(miss,), failed_before=before, sources=frozenset(sources)
    )


def opened(severity: float, *sources: str, decided: bool = False) -> OpenedConflict:
    return OpenedConflict(
        id="c1", severity=severity, documents=("handbook:a.md", "website:/b"), sources=frozenset(sources), decided=decided
    )


def test_what_changes_nothing_bad_passes_every_gate() -> None:
    evidence = Evidence(first=False, sources=BOTH, golden=(GoldenOutcome(question="q", workflow="refund", query="?"),))
    assert all(result.passed and not result.sources for result in judge(evidence, LINES))


class TestGolden:
    def test_one_that_begins_to_fail_holds_the_sources_it_leans_on(self) -> None:
        found = results(Evidence(first=False, sources=BOTH, golden=(missed("q1", "handbook"),)))["golden"]
        assert not found.passed
        assert set(found.sources) == {"handbook"}
        assert "q1" in found.reason
        assert found.remedy

    def test_one_that_leans_on_nothing_that_changes_holds_everything_that_does(self) -> None:
        assert set(results(Evidence(first=False, sources=BOTH, golden=(missed("q1"),)))["golden"].sources) == BOTH

    def test_one_that_fails_already_holds_nothing_and_is_told(self) -> None:
        found = results(Evidence(first=False, sources=BOTH, golden=(missed("q1", "handbook", before=True),)))["golden"]
        assert found.passed
        assert "1 fail in the release before" in found.reason

    def test_some_may_begin_to_fail_where_the_company_says_so(self) -> None:
        evidence = Evidence(first=False, sources=BOTH, golden=(missed("q1", "handbook"),))
        assert results(evidence, Thresholds(golden_failures=1))["golden"].passed

    def test_what_an_answer_told_is_not_repeated_to_whoever_sees_the_draft(self) -> None:
        found = results(Evidence(first=False, sources=BOTH, golden=(missed("q1", "handbook"),)))["golden"]
        assert "secret" not in found.model_dump_json()


class TestConflicts:
    @pytest.mark.parametrize(("severity", "decided", "passed"), [(0.6, False, False), (0.59, False, True), (0.9, True, True)])
    def test_a_grave_one_that_nobody_decides_holds_its_sources(self, severity: float, decided: bool, passed: bool) -> None:
        evidence = Evidence(first=False, sources=BOTH, opened=(opened(severity, "handbook", decided=decided),))
        found = results(evidence)["conflicts"]
        assert found.passed is passed
        assert set(found.sources) == (set() if passed else {"handbook"})

    def test_what_it_finds_has_one_name_however_grave_it_has_become(self) -> None:
        names = [
            results(Evidence(first=False, sources=BOTH, opened=(opened(grave, "handbook"),)))["conflicts"].found for grave in (0.7, 0.9)
        ]
        assert names == [{"c1"}, {"c1"}]

    def test_only_sources_that_change_can_be_held(self) -> None:
        evidence = Evidence(first=False, sources=frozenset({"website"}), opened=(opened(0.9, "handbook", "website"),))
        assert set(results(evidence)["conflicts"].sources) == {"website"}

    def test_the_first_release_and_a_company_that_does_not_ask_pass(self) -> None:
        conflict = opened(0.9, "handbook")
        assert results(Evidence(first=True, sources=BOTH, opened=(conflict,)))["conflicts"].passed
        assert results(Evidence(first=False, sources=BOTH, opened=(conflict,)), Thresholds(conflict_severity=None))["conflicts"].passed


def test_a_wider_access_holds_its_source_and_names_who_gains() -> None:
    widened = Widening(document="handbook:staff.md", source="handbook", gains=("audience customer-agents",))
    found = results(Evidence(first=False, sources=BOTH, widened=(widened,)))["access"]
    assert not found.passed
    assert found.sources == {"handbook": "handbook:staff.md could be read by audience customer-agents"}


@pytest.mark.parametrize(("before", "lost", "passed"), [(10, 5, True), (10, 6, False), (4, 4, True), (5, 3, False), (5, 0, True)])
def test_a_source_that_loses_most_of_its_documents_is_held(before: int, lost: int, passed: bool) -> None:
    coverage = (Coverage(source="website", before=before, lost=lost), Coverage(source="handbook", before=100, lost=1))
    found = results(Evidence(first=False, sources=BOTH, coverage=coverage))["coverage"]
    assert found.passed is passed
    assert set(found.sources) == (set() if passed else {"website"})


def test_a_source_whose_sync_failed_is_held_where_it_changes_something() -> None:
    failing = {"website": "timed out", "crm": "no key"}
    found = results(Evidence(first=False, sources=BOTH, failing=failing))["freshness"]
    assert found.sources == {"website": "timed out"}
    assert holds(judge(Evidence(first=False, sources=BOTH, failing=failing), LINES), "website") == ("timed out",)
    assert holds(judge(Evidence(first=False, sources=BOTH, failing=failing), LINES), "handbook") == ()
