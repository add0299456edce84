"""The gates: pure rules over what was gathered about a draft. Each names the sources that it holds, so that the others can go.

| gate      | holds                                                                                                     |
| --------- | --------------------------------------------------------------------------------------------------------- |
| golden    | the sources whose changes an answer leans on that was as expected and would no longer be                   |
| conflicts | the sources of a new conflict that no rule and no ruling decides, from a severity on                       |
| access    | a source with a document that more people could read, until a person approves exactly that                 |
| coverage  | a source that loses more than a share of its documents, which is more often a broken site than a clean-up  |
| freshness | a source whose last sync failed: what it brought is a part of what there is                                |

The first release has nothing to compare with: only `golden` and `freshness` are asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from pydantic import Field

from context_service.model.base import NameSet, Value
from context_service.model.gate import GateResult, Thresholds
from context_service.model.golden import GoldenOutcome

MOST_NAMED = 5
"""Things that a reason names; the rest are counted."""


class OpenedConflict(Value):
    """A conflict that a draft would open, or open again. `decided`: a rule or a ruling chooses a side."""

    id: str
    severity: float
    documents: tuple[str, ...]
    sources: NameSet
    decided: bool


class Widening(Value):
    """A document that more could read: `gains` names who."""

    document: str
    source: str
    gains: tuple[str, ...]


class Coverage(Value):
    """Documents of a source before the draft, and how many of those it takes away."""

    source: str
    before: int
    lost: int


class Evidence(Value):
    """What the gates judge. `first`: there is no release yet; `failing`: source -> why its last sync failed."""

    first: bool
    sources: NameSet = Field(description="Sources whose documents the draft changes.")
    golden: tuple[GoldenOutcome, ...] = ()
    opened: tuple[OpenedConflict, ...] = ()
    widened: tuple[Widening, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    failing: dict[str, str] = {}


Held = dict[str, str]
"""Source -> why it is held."""


def judge(evidence: Evidence, thresholds: Thresholds) -> tuple[GateResult, ...]:
    """What each gate says."""
    return tuple(gate(evidence, thresholds) for gate in GATES)


def holds(results: Iterable[GateResult], source: str) -> tuple[str, ...]:
    """Why a source is held."""
    return tuple(result.sources[source] for result in results if source in result.sources)


def _golden(evidence: Evidence, thresholds: Thresholds) -> GateResult:
    broken = [one for one in evidence.golden if not one.passed and not one.failed_before]
    known = sum(not one.passed and one.failed_before for one in evidence.golden)
    already = f" {known} fail in the release before as well and hold nothing." if known else ""
    if len(broken) <= thresholds.golden_failures:
        return _passed("golden", f"{len(evidence.golden)} golden questions, {len(broken)} begin to fail.{already}")
    said = [(source, f"`{one.question}` {_missed(one)}") for one in broken for source in (one.sources or evidence.sources)]
    return _failed(
        "golden",
        f"{len(broken)} golden questions begin to fail: {_named(one.question for one in broken)}.{already}",
        "Mend the text, or change the question where it expects what no longer holds.",
        _by_source(said),
        (f"{one.question} {_missed(one)}" for one in broken),
    )


def _missed(outcome: GoldenOutcome) -> str:
    """Without the words it got, which not everybody who sees a draft may read."""
    first = outcome.misses[0]
    return f"expects {first.what} {first.expected!r}"


def _conflicts(evidence: Evidence, thresholds: Thresholds) -> GateResult:
    limit = thresholds.conflict_severity
    if evidence.first or limit is None:
        return _passed("conflicts", "Not asked." if limit is None else "The first release has nothing to compare with.")
    grave = [one for one in evidence.opened if not one.decided and one.severity >= limit]
    if not grave:
        return _passed("conflicts", f"{len(evidence.opened)} conflicts open; none that nobody decides has severity {limit} or more.")
    said = [
        (source, f"conflict {one.id} between {_named(one.documents)} (severity {one.severity:.2f})")
        for one in grave
        for source in sorted(one.sources & evidence.sources or evidence.sources)
    ]
    reason = f"{len(grave)} new conflicts of severity {limit} or more that no rule decides."
    remedy = "Rule on them, mend one of the texts, or approve the draft as it is."
    return _failed("conflicts", reason, remedy, _by_source(said), (one.id for one in grave))


def _access(evidence: Evidence, _: Thresholds) -> GateResult:
    if evidence.first or not evidence.widened:
        return _passed("access", "The first release has nothing to compare with." if evidence.first else "Nobody could read more.")
    said = [(one.source, f"{one.document} could be read by {_named(one.gains)}") for one in evidence.widened]
    reason = f"{len(evidence.widened)} documents could be read by more than now: {_named(one.document for one in evidence.widened)}."
    remedy = "Approve the draft if that is meant, else tighten the rule at the source."
    return _failed("access", reason, remedy, _by_source(said), (f"{one.document} {gain}" for one in evidence.widened for gain in one.gains))


def _coverage(evidence: Evidence, thresholds: Thresholds) -> GateResult:
    limit = thresholds.coverage_lost
    dropped = [one for one in evidence.coverage if one.before >= thresholds.coverage_least and one.lost > limit * one.before]
    if evidence.first or not dropped:
        return _passed("coverage", f"No source loses more than {limit:.0%} of its documents.")
    said = [(one.source, f"it loses {one.lost} of its {one.before} documents") for one in dropped]
    reason = f"{_named(one.source for one in dropped)} would lose more than {limit:.0%} of the documents."
    remedy = "See whether the source is whole and sync again, or approve the draft."
    return _failed("coverage", reason, remedy, _by_source(said), (f"{one.source} {one.lost}" for one in dropped))


def _freshness(evidence: Evidence, _: Thresholds) -> GateResult:
    failing = {source: why for source, why in evidence.failing.items() if source in evidence.sources}
    if not failing:
        return _passed("freshness", "The last sync of every source came to its end.")
    reason = f"The last sync of {_named(sorted(failing))} failed."
    found = (f"{source} {why}" for source, why in failing.items())
    return _failed("freshness", reason, "Mend the source and sync again, or approve what came.", failing, found)


GATES: tuple[Callable[[Evidence, Thresholds], GateResult], ...] = (_golden, _conflicts, _access, _coverage, _freshness)


def _passed(gate: str, reason: str) -> GateResult:
    return GateResult(gate=gate, passed=True, reason=reason)


def _failed(gate: str, reason: str, remedy: str, sources: Held, found: Iterable[str]) -> GateResult:
    return GateResult(gate=gate, passed=False, reason=reason, remedy=remedy, sources=sources, found=frozenset(found))


def _by_source(said: Iterable[tuple[str, str]]) -> Held:
    found: dict[str, list[str]] = defaultdict(list)
    for source, why in said:
        found[source].append(why)
    return {source: f"{'; '.join(whys[:MOST_NAMED])}{_more(whys)}" for source, whys in sorted(found.items())}


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return f"{', '.join(listed[:MOST_NAMED])}{_more(listed)}"


def _more(names: list[str]) -> str:
    return f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
