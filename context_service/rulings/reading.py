"""Conflicts for one reader: what may be read, where each stands, how much it matters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations

from context_service.conflicts.lasting import passage_words
from context_service.conflicts.lifecycle import changed, in_force, state
from context_service.conflicts.resolve import Claimant, decided_by
from context_service.conflicts.severity import severity
from context_service.declarations.company import Declarations
from context_service.model.access import Principal
from context_service.model.base import admits
from context_service.model.conflict import Conflict, ConflictSide, Ruling, Severity, TextKey
from context_service.model.context import ConflictReport, Lineage, Reason
from context_service.model.rivalry import Passage, Rivalry, RivalryKind
from context_service.model.workflow import RANKING_RULES, DecidedBy, Risk
from context_service.policy import Situation, owns
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore
from context_service.retrieval.gate import Asked, Gate, Text
from context_service.retrieval.settle import Settlement, claimant
from context_service.rulings.views import ConflictView, Leaned, RulingView, SideView

SERVED_WITHIN = timedelta(days=30)
"""Answers that are counted, and that a preview looks at."""


@dataclass(frozen=True)
class Shelf:
    """What a set of conflicts is shown with: readable texts, what contradicts each passage, rulings by conflict, and how often each text
    was told."""

    texts: Mapping[str, Text]
    disputes: Mapping[Passage, Sequence[Rivalry]]
    rulings: Mapping[str, Sequence[Ruling]]
    served: Mapping[TextKey, Mapping[str, int]]


@dataclass(frozen=True)
class Stand:
    """What is looked at: the conflicts of a release or draft (`number`; None: what is served) by the rulings of `moment` and the dates of
    `day`.
    """

    day: date
    moment: datetime
    number: int | None = None


class Reading:
    """The conflicts that one principal may read at one moment. A conflict with a side that may not be read does not exist.

    `stand` says what is looked at; access is decided by `now`.
    """

    def __init__(
        self, records: RecordStore, declarations: Declarations, principal: Principal, now: datetime, stand: Stand | None = None
    ) -> None:
        self.stand = stand or Stand(now.date(), now)
        self._records = records
        self._declarations = declarations
        self._principal = principal
        self._now = now
        self._regions = Regions(declarations.company.regions)

    def views(self, conflicts: Sequence[Conflict]) -> list[ConflictView]:
        """Those of `conflicts` that may be read, in their order."""
        head = self.stand.number or self._records.head()
        by_release: dict[int, list[Conflict]] = defaultdict(list)
        for conflict in conflicts:
            by_release[conflict.release if conflict.closed else head].append(conflict)
        views = {view.id: view for release, some in by_release.items() for view in self._views_in(release, some)}
        return [views[conflict.id] for conflict in conflicts if conflict.id in views]

    def readable(self, chunks: Iterable[str]) -> dict[str, Text]:
        """The chunks that may be read in the current release."""
        return self._gate(self._asked(self._records.head())).read(sorted(chunks))

    def _views_in(self, release: int, conflicts: Sequence[Conflict]) -> list[ConflictView]:
        asked = self._asked(release)
        gate = self._gate(asked)
        own = {passage.chunk for conflict in conflicts for passage in _passages(conflict)}
        disputes: dict[Passage, list[Rivalry]] = defaultdict(list)
        for rivalry in self._records.rivalries(sorted(own), release):
            if rivalry.kind is not RivalryKind.DUPLICATE:
                disputes[rivalry.left].append(rivalry)
                disputes[rivalry.right].append(rivalry)
        texts = gate.read(sorted(own | {passage.chunk for passage in disputes}))
        visible = [one for one in conflicts if all(passage.chunk in texts for passage in _passages(one))]
        rulings: dict[str, list[Ruling]] = defaultdict(list)
        for ruling in self._records.rulings_of([conflict.id for conflict in visible]):
            if ruling.made_at <= self.stand.moment:
                rulings[ruling.conflict].append(ruling)
        documents = sorted({side.document for conflict in visible for side in conflict.sides})
        shelf = Shelf(texts, disputes, rulings, self._records.served_counts(documents, self._now - SERVED_WITHIN))
        return [self._view(conflict, shelf, gate, asked) for conflict in visible]

    def _view(self, conflict: Conflict, shelf: Shelf, gate: Gate, asked: Asked) -> ConflictView:
        rulings = shelf.rulings.get(conflict.id, ())
        sides = tuple(self._side_view(side, shelf) for side in conflict.sides)
        mine = any(owns(self._principal, shelf.texts[passage.chunk].revision.resource) for passage in _passages(conflict))
        stands = state(conflict, rulings, self._decided(conflict, shelf, asked), self._declarations.workflows.keys(), self.stand.moment)
        return ConflictView(
            id=conflict.id,
            kind=conflict.kind,
            relation=conflict.relation,
            release=asked.release,
            state=stands,
            severity=self._severity(conflict, sides),
            sides=sides,
            owners=conflict.owners,
            sources=tuple(sorted({side.source for side in conflict.sides})),
            mine=mine,
            may_rule=self.stand.number is None and not conflict.closed and (mine or self._principal.operator),
            first_seen=conflict.first_seen,
            changed_at=conflict.events[-1].at if conflict.events else conflict.first_seen,
            report=self._report(conflict, rulings, shelf.texts, gate, asked),
            undecided_in=tuple(sorted(conflict.undecided_in)),
            events=conflict.events,
            rulings=tuple(_ruling_view(one, conflict, self.stand.moment) for one in reversed(rulings)),
        )

    def _side_view(self, side: ConflictSide, shelf: Shelf) -> SideView:
        passage, *repeats = side.passages
        text = shelf.texts[passage.chunk]
        revision, governance = text.revision, text.revision.governance
        return SideView(
            id=side.id,
            document=side.ref,
            title=revision.title,
            source_title=self._declarations.sources[revision.source].title,
            citation=revision.url,
            owner=side.owner,
            authority=side.authority,
            rank=side.rank,
            status=governance.status,
            applicability=governance.applicability,
            effective=governance.effective,
            supersedes=governance.supersedes,
            reviewed=governance.reviewed,
            freshness=text.freshness,
            modified_at=governance.modified,
            author=revision.author,
            release=revision.added_in,
            lineage=_lineage(passage, text),
            heading_path=text.chunk.heading_path,
            chunk=passage.chunk,
            start=passage.start,
            end=passage.end,
            text=passage_words(passage, text.chunk.text, text.headings),
            chunk_text=text.chunk.text,
            repeated=len(repeats),
            leaned=_leaned(side, shelf.served),
        )

    def _decided(self, conflict: Conflict, shelf: Shelf, asked: Asked) -> bool:
        side_of = {passage: side.id for side in conflict.sides for passage in side.passages}
        nearby = [one for passage in side_of for one in shelf.disputes.get(passage, ())]
        pairs = {frozenset((one.left, one.right)) for one in nearby}
        others = {side for one in nearby for side in (one.left, one.right) if side.chunk in shelf.texts} - side_of.keys()

        def rivals(a: Claimant, b: Claimant) -> bool:
            return frozenset((a.passage, b.passage)) in pairs

        around = [claimant(shelf.texts, passage) for passage in sorted(others, key=lambda one: (one.chunk, one.start, one.end))]
        sides = [claimant(shelf.texts, passage) for passage in side_of]
        return not conflict.kind.contradicts or bool(decided_by(sides, around, rivals, RANKING_RULES, asked.day))

    def _report(self, conflict: Conflict, rulings: Sequence[Ruling], texts: Mapping[str, Text], gate: Gate, asked: Asked) -> ConflictReport:
        """How this conflict alone is decided for a customer nobody knows."""
        standing = [ruling for ruling in rulings if in_force(ruling, conflict.sides, self.stand.moment)]
        settlement = Settlement(self._records, gate, asked, RANKING_RULES, self._regions, lambda _: standing)
        reports = settlement.decide(texts, _rivalries(conflict)).reports
        found = reports[0] if reports else _no_report(conflict, standing)
        return found.model_copy(update={"id": conflict.id, "conflicts": (conflict.id,)})

    def _severity(self, conflict: Conflict, sides: Sequence[SideView]) -> Severity:
        company, workflows = self._declarations.company, self._declarations.workflows
        told_in = {name for side in sides for name in side.leaned.workflows} & workflows.keys()
        drawing = {one.id for one in workflows.values() if all(admits(one.sources, side.source) for side in conflict.sides)}
        risks: list[Risk] = [workflows[name].risk for name in told_in or drawing]
        answers = sum(side.leaned.answers for side in sides)
        return severity(conflict.distance, [side.rank for side in conflict.sides], max(company.authority.values()), answers, risks)

    def _asked(self, release: int) -> Asked:
        situation = Situation(workflow=None, customer=None, now=self._now)
        return Asked(self._principal, situation, release, self.stand.day, {}, "*")

    def _gate(self, asked: Asked) -> Gate:
        return Gate(self._records, self._declarations.sources, self._regions, asked)


def _passages(conflict: Conflict) -> list[Passage]:
    return [passage for side in conflict.sides for passage in side.passages]


def _rivalries(conflict: Conflict) -> list[Rivalry]:
    return [
        Rivalry(left=left, right=right, kind=conflict.kind, similarity=1.0, relation=conflict.relation)
        for a, b in combinations(conflict.sides, 2)
        for left in a.passages
        for right in b.passages
    ]


def _no_report(conflict: Conflict, standing: Sequence[Ruling]) -> ConflictReport:
    """For sides of which none loses: a ruling says that both hold, or none holds for anybody today."""
    ruling = standing[-1] if standing else None
    because = f"Ruled by {ruling.author} on {ruling.made_at:%Y-%m-%d}: {ruling.reason}" if ruling else "No side is told today."
    rule = DecidedBy.RULING if ruling else DecidedBy.UNRESOLVED
    reason = Reason(rule=rule, decided=ruling is not None, because=because)
    return ConflictReport(
        id=conflict.id,
        kind=conflict.kind.value,
        winner=None,
        losers=(),
        rule=rule,
        reasons=(reason,),
        ruling=ruling.id if ruling else None,
    )


def _lineage(passage: Passage, text: Text) -> Lineage:
    """Where the passage's words come from; its characters are counted in the document, as those of every lineage are."""
    chunk, revision = text.chunk, text.revision
    return Lineage(
        chunk=chunk.id,
        document=revision.ref,
        version=chunk.version,
        start=chunk.span.start + passage.start,
        end=chunk.span.start + passage.end,
        page_from=chunk.span.page_from,
        page_to=chunk.span.page_to,
        sync_run=revision.run,
        parser=revision.parser,
        parser_version=revision.parser_version,
    )


def _leaned(side: ConflictSide, served: Mapping[TextKey, Mapping[str, int]]) -> Leaned:
    workflows: Counter[str] = Counter()
    for text in side.texts:
        workflows.update(served.get((side.document, text), {}))
    return Leaned(answers=workflows.total(), workflows=dict(sorted(workflows.items())))


def _ruling_view(ruling: Ruling, conflict: Conflict, now: datetime) -> RulingView:
    ended = None
    if ruling.revoked_at:
        ended = "revoked"
    elif not ruling.stands_at(now):
        ended = "expired"
    elif changed(ruling, conflict.sides):
        ended = "sides_changed"
    elif conflict.closed:
        ended = "closed"
    return RulingView(ruling=ruling, in_force=ended is None, ended=ended)
