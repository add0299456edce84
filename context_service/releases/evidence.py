"""Gathering what the gates judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from context_service.conflicts.lifecycle import in_force
from context_service.conflicts.severity import severity
from context_service.declarations.company import Declarations
from context_service.ingest.conflicts import ConflictKeeper, Sighting
from context_service.model.base import admits, digest
from context_service.model.conflict import ConflictSide, Ruling
from context_service.model.document import RunState, SyncRun
from context_service.model.golden import GoldenQuestion
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore
from context_service.releases.access import access_change
from context_service.releases.diff import Differ, States
from context_service.releases.gates import Coverage, Evidence, OpenedConflict, Widening
from context_service.releases.golden import compare
from context_service.retrieval.as_set import SETTINGS_SOURCE
from context_service.retrieval.service import ContextService

SERVED_WITHIN = timedelta(days=30)


@dataclass
class Survey:
    """What a draft changes, document by document, without holding the documents."""

    sources: set[str] = field(default_factory=set)
    refs: set[str] = field(default_factory=set)
    widened: list[Widening] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    digests: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, changes: Iterable[States]) -> Survey:
        """A survey of these changes."""
        survey = cls()
        for one in changes:
            survey._note(one)
        return survey

    @property
    def digest(self) -> str:
        """See `Differ.digest`."""
        return digest("diff", *self.digests)

    def _note(self, one: States) -> None:
        source = one.shown.source
        self.digests.append(one.digest)
        self.sources.add(source)
        if source == SETTINGS_SOURCE:
            return
        self.refs.add(one.shown.ref)
        self.lost[source] += one.after is None
        self.new[source] += one.before is None
        change = access_change(one.before.resource, one.after.resource) if one.before and one.after else None
        if change and change.widened:
            self.widened.append(Widening(document=one.shown.ref, source=source, gains=change.gains))


class Gatherer:
    """Looks at a draft that is indexed and compared. Reads only."""

    def __init__(
        self, records: RecordStore, declarations: Declarations, context: ContextService, differ: Differ, now: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._declarations = declarations
        self._context = context
        self._differ = differ
        self._now = now

    def survey(self, number: int, base: int) -> Survey:
        """What the draft `number` changes of the release `base`."""
        return Survey.of(self._differ.states(base, number))

    def evidence(self, number: int, base: int, survey: Survey, runs: Sequence[SyncRun]) -> Evidence:
        """What the draft `number` does to the release `base` (0: there is none), and how the syncs that filled it ended."""
        return Evidence(
            first=not base,
            sources=frozenset(survey.sources),
            golden=tuple(compare(self._context, self.questions(), number, base, survey.refs)),
            opened=tuple(self._opened(number, base)) if base else (),
            widened=tuple(survey.widened),
            coverage=tuple(self._coverage(survey, base)) if base else (),
            failing=self._failing(survey.sources, runs),
        )

    def questions(self) -> list[GoldenQuestion]:
        """The declared golden questions and those that were added."""
        return [*self._declarations.golden, *self._records.golden_questions()]

    def _opened(self, number: int, base: int) -> Iterable[OpenedConflict]:
        regions = Regions(self._declarations.company.regions)
        moved = ConflictKeeper(self._records, regions, self._declarations.workflows.values()).moved(number, base, self._now().date())
        living = {name: sighting for name, sighting in moved.items() if sighting}
        known = {one.id for one in self._records.conflicts(sorted(living)) if not one.closed}
        new = {name: sighting for name, sighting in living.items() if name not in known}
        rulings = self._records.rulings_of(sorted(new))
        for name, sighting in new.items():
            its_own = [one for one in rulings if one.conflict == name]
            yield OpenedConflict(
                id=name,
                severity=self._severity(sighting),
                documents=tuple(dict.fromkeys(side.ref for side in sighting.sides)),
                sources=frozenset(side.source for side in sighting.sides),
                decided=sighting.decided or self._ruled(its_own, sighting.sides),
            )

    def _ruled(self, rulings: Iterable[Ruling], sides: Sequence[ConflictSide]) -> bool:
        return any(in_force(one, sides, self._now()) for one in rulings)

    def _severity(self, sighting: Sighting) -> float:
        company, workflows = self._declarations.company, self._declarations.workflows
        served = self._records.served_counts(sorted({side.document for side in sighting.sides}), self._now() - SERVED_WITHIN)
        told = [served.get((side.document, text), {}) for side in sighting.sides for text in side.texts]
        risks = [one.risk for one in workflows.values() if all(admits(one.sources, side.source) for side in sighting.sides)]
        answers = sum(sum(counts.values()) for counts in told)
        ranks = [side.rank for side in sighting.sides]
        return severity(sighting.distance, ranks, max(company.authority.values()), answers, risks).score

    def _coverage(self, survey: Survey, base: int) -> Iterable[Coverage]:
        """Net of what is new: pages that moved are no loss."""
        for source, gone in sorted(survey.lost.items()):
            if gone > survey.new[source]:
                before = len(self._records.revisions_in(base, source))
                yield Coverage(source=source, before=before, lost=gone - survey.new[source])

    def _failing(self, sources: Iterable[str], runs: Sequence[SyncRun]) -> dict[str, str]:
        ended: Mapping[str, SyncRun] = {run.source: run for run in runs}
        last = {source: ended.get(source) or next(iter(self._records.runs(source, 1)), None) for source in sorted(sources)}
        return {source: run.reason or "it failed" for source, run in last.items() if run and run.state is RunState.FAILED}
