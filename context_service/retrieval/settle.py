"""Conflicts around the candidates: bring in the other sides, resolve each group for this customer, say what it does to the texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from context_service.conflicts.lasting import conflict_id, passage_words, signature
from context_service.conflicts.resolve import Claimant, Loss, Resolution, prefer_copy, resolve
from context_service.model.base import digest
from context_service.model.conflict import Ruling, text_digest
from context_service.model.context import ConflictReport, Reason, Removed, Side
from context_service.model.rivalry import Passage, Rivalry, RivalryKind
from context_service.model.workflow import DecidedBy
from context_service.policy.applies import Match, Regions
from context_service.records.protocol import RecordStore
from context_service.retrieval.gate import AGES, Asked, Gate, Text
from context_service.retrieval.ruled import Request, Ruled, Words, apply_rulings, void_alone

RulingsOn = Callable[[Sequence[str]], Sequence[Ruling]]
"""The rulings that stand at the moment of a request and bind words of one of these documents."""

LOST_BY_RULING = f"lost by {DecidedBy.RULING.value}"


@dataclass
class Settled:
    """What the conflicts did: reports, parts to take out of texts, copies to leave out, sides to bring in, marks, open questions."""

    reports: list[ConflictReport] = field(default_factory=list)
    removed: dict[str, list[Removed]] = field(default_factory=lambda: defaultdict(list))
    copies: dict[str, str] = field(default_factory=dict)
    """Chunk that is left out -> the chunk that is told instead."""
    stands_in: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Chunk with a side that lost -> chunks of the sides that won; with an undecided side -> chunks of the other undecided sides."""
    open_passages: dict[str, list[Passage]] = field(default_factory=lambda: defaultdict(list))
    """Report id -> the sides nobody could choose between."""
    disputed: list[Words] = field(default_factory=list)
    """Every passage of a candidate that some other text contradicts, whether or not that one holds for this customer."""


class Settlement:
    """Resolves what touches a set of candidates, for one request."""

    def __init__(
        self, records: RecordStore, gate: Gate, asked: Asked, order: Sequence[DecidedBy], regions: Regions, rulings_on: RulingsOn
    ) -> None:
        self._records = records
        self._request = Request(asked.situation.workflow, asked.known, regions)
        self._rulings_on = rulings_on
        self._gate = gate
        self._asked = asked
        self._order = order

    def settle(self, candidates: Mapping[str, Text]) -> tuple[Settled, dict[str, Text]]:
        """The outcome of every conflict that a candidate is part of, and all texts involved (candidates and other sides)."""
        rivalries, texts = self._read_all_sides(candidates)
        return self.decide(texts, rivalries), texts

    def decide(self, texts: Mapping[str, Text], rivalries: Sequence[Rivalry]) -> Settled:
        """The outcome of these rivalries alone."""
        settled = Settled()
        alive = [rivalry for rivalry in rivalries if self._is_rival(texts, rivalry)]
        self._settle_copies(settled, texts, [rivalry for rivalry in alive if rivalry.kind is RivalryKind.DUPLICATE])
        disputes = [rivalry for rivalry in rivalries if rivalry.kind is not RivalryKind.DUPLICATE]
        settled.disputed = list(_disputed(texts, disputes))
        rulings = self._rulings_on(sorted({one.document for one in settled.disputed})) if DecidedBy.RULING in self._order else []
        living = [rivalry for rivalry in alive if rivalry.kind is not RivalryKind.DUPLICATE]
        apart = {frozenset((one.left, one.right)) for one in living if _told_together(texts, one)}
        ruled = apply_rulings(rulings, [(_words(texts, one.left), _words(texts, one.right)) for one in living], self._request, apart)
        told_together = (ruled.agreed | apart) - ruled.between
        for group in _groups(one for one in living if frozenset((one.left, one.right)) not in told_together):
            self._settle_group(settled, texts, group, ruled)
        self._leave_out(settled, rulings)
        return settled

    def _leave_out(self, settled: Settled, rulings: Sequence[Ruling]) -> None:
        """Take out what a ruling keeps from being told where no rival stood beside it, so that nothing above has taken it out."""
        for passage, verdict in void_alone(rulings, settled.disputed, self._request).items():
            cut = Removed(start=passage.start, end=passage.end, reason=LOST_BY_RULING, conflict=verdict.ruling)
            if not any((one.start, one.end) == (cut.start, cut.end) for one in settled.removed.get(passage.chunk, ())):
                settled.removed[passage.chunk].append(cut)

    def _read_all_sides(self, candidates: Mapping[str, Text]) -> tuple[list[Rivalry], dict[str, Text]]:
        """Rivalries of the candidates, of their rivals, and so on: two sides that a candidate brings in may contradict each other too."""
        texts, known = dict(candidates), {}
        asked: set[str] = set()
        while new := sorted(texts.keys() - asked):
            asked.update(new)
            found = self._records.rivalries(new, self._asked.release)
            known.update({rivalry.id: rivalry for rivalry in found})
            others = {side.chunk for rivalry in found for side in (rivalry.left, rivalry.right)} - texts.keys()
            texts.update(self._gate.read(sorted(others)))
        return [known[key] for key in sorted(known)], texts

    def _is_rival(self, texts: Mapping[str, Text], rivalry: Rivalry) -> bool:
        """Both sides may be read, neither is for other customers, neither has been withheld for its age."""
        sides = [texts.get(side.chunk) for side in (rivalry.left, rivalry.right)]
        return all(side is not None and self._gate.holds(side) not in AGES | {"not_applicable"} for side in sides)

    def _settle_copies(self, settled: Settled, texts: Mapping[str, Text], rivalries: Sequence[Rivalry]) -> None:
        for group in _groups(rivalries):
            chunks = sorted({side.chunk for rivalry in group for side in (rivalry.left, rivalry.right)})
            told = [claimant(texts, _whole(texts, chunk)) for chunk in chunks if self._gate.holds(texts[chunk]) is None]
            if len(told) < 2:
                continue
            winner = prefer_copy(told)
            losers = [side for side in told if side is not winner]
            because = f"{winner.ref} says the same; {winner.authority} ({winner.rank}) is told."
            reason = Reason(rule=DecidedBy.DUPLICATE, decided=True, because=because)
            settled.copies.update({loser.passage.chunk: winner.passage.chunk for loser in losers})
            settled.reports.append(self._report(texts, group, winner, losers, (reason,)))

    def _settle_group(self, settled: Settled, texts: Mapping[str, Text], group: Sequence[Rivalry], ruled: Ruled) -> None:
        pairs = {frozenset((_key(rivalry.left), _key(rivalry.right))) for rivalry in group}
        passages = {_key(side): side for rivalry in group for side in (rivalry.left, rivalry.right)}
        claimants = [_under(ruled, claimant(texts, passages[key])) for key in sorted(passages)]
        resolution = resolve(claimants, lambda a, b: frozenset((_key(a.passage), _key(b.passage))) in pairs, self._order, self._asked.day)
        if resolution.undecided and not any(rivalry.kind.contradicts for rivalry in group):
            # They state the same: no owner has to decide first which one is told.
            self._settle_copies(settled, texts, group)
        else:
            self._record(settled, texts, group, resolution)

    def _record(self, settled: Settled, texts: Mapping[str, Text], group: Sequence[Rivalry], resolution: Resolution) -> None:
        by_winner: dict[tuple[str, DecidedBy, str | None], list[Loss]] = defaultdict(list)
        for loss in resolution.losses:
            by_winner[(_key(loss.to.passage), loss.rule, loss.ruling)].append(loss)
            settled.stands_in[loss.claimant.passage.chunk].add(loss.to.passage.chunk)
        still_open = self._record_open(settled, texts, group, resolution) if resolution.undecided else None
        for losses in by_winner.values():
            # A side that only beat others, and is not told itself before an open question is settled, is nobody's winner yet.
            lost = [loss.claimant for loss in losses]
            report = still_open or self._report(texts, group, losses[0].to, lost, losses[0].reasons, losses[0].ruling)
            if report is not still_open:
                settled.reports.append(report)
            for loss in losses:
                settled.removed[loss.claimant.passage.chunk].append(_removed(loss, report.id))

    def _record_open(self, settled: Settled, texts: Mapping[str, Text], group: Sequence[Rivalry], resolution: Resolution) -> ConflictReport:
        self._keep_together({side.passage.chunk for side in resolution.undecided}, settled)
        report = self._open_report(texts, group, resolution)
        settled.reports.append(report)
        settled.open_passages[report.id] = [side.passage for side in resolution.undecided]
        return report

    def _keep_together(self, chunks: set[str], settled: Settled) -> None:
        """Nobody is told one side of an open conflict without the others."""
        for chunk in chunks:
            settled.stands_in[chunk] |= chunks - {chunk}

    def _report(
        self,
        texts: Mapping[str, Text],
        group: Sequence[Rivalry],
        winner: Claimant,
        losers: Sequence[Claimant],
        reasons: tuple[Reason, ...],
        ruling: str | None = None,
    ) -> ConflictReport:
        return ConflictReport(
            id=_report_id([winner, *losers]),
            kind=_kind(group, [winner, *losers]),
            winner=_side(texts, winner, shown=True),
            losers=tuple(_side(texts, loser, shown=False) for loser in losers),
            rule=reasons[-1].rule,
            reasons=reasons,
            ruling=ruling,
            conflicts=_conflicts(texts, group, [winner, *losers]),
        )

    def _open_report(self, texts: Mapping[str, Text], group: Sequence[Rivalry], resolution: Resolution) -> ConflictReport:
        return ConflictReport(
            id=_report_id(resolution.undecided),
            kind=_kind(group, resolution.undecided),
            winner=None,
            losers=tuple(_side(texts, side, shown=True) for side in resolution.undecided),
            rule=DecidedBy.UNRESOLVED,
            reasons=resolution.reasons,
            ruling=resolution.ruling,
            conflicts=_conflicts(texts, group, resolution.undecided),
            needs=resolution.needs,
        )


def claimant(texts: Mapping[str, Text], passage: Passage) -> Claimant:
    """A passage as the rules see it, before any ruling."""
    text = texts[passage.chunk]
    governance = text.revision.governance
    return Claimant(
        passage=passage,
        ref=text.revision.ref,
        authority=governance.authority,
        rank=governance.rank,
        conditions=text.conditions,
        effective=governance.effective,
        status=governance.status,
        supersedes=governance.supersedes,
        modified=governance.modified,
        unknown=text.fit.unknown if text.fit.match is Match.UNKNOWN else (),
    )


def _told_together(texts: Mapping[str, Text], rivalry: Rivalry) -> bool:
    """Whether both are told where no ruling says otherwise: each says for which case it holds, or one is an old copy of the other and
    nobody knows whether both hold for the customer.
    """
    left, right = (texts[side.chunk] for side in (rivalry.left, rivalry.right))
    uncertain = Match.UNKNOWN in (left.fit.match, right.fit.match)
    return (uncertain and not rivalry.kind.contradicts) or rivalry.told_apart(left.conditions, right.conditions)


def _groups(rivalries: Iterable[Rivalry]) -> list[list[Rivalry]]:
    """Rivalries that share a passage belong together; groups and their members in a fixed order."""
    groups: list[tuple[set[str], list[Rivalry]]] = []
    for rivalry in sorted(rivalries, key=lambda one: one.id):
        keys, members = {_key(rivalry.left), _key(rivalry.right)}, [rivalry]
        apart = []
        for other_keys, other_members in groups:
            if keys & other_keys:
                keys, members = keys | other_keys, other_members + members
            else:
                apart.append((other_keys, other_members))
        groups = [*apart, (keys, members)]
    return [members for _, members in groups]


def _key(passage: Passage) -> str:
    return f"{passage.chunk}:{passage.start}:{passage.end}"


def _whole(texts: Mapping[str, Text], chunk: str) -> Passage:
    return Passage(chunk=chunk, start=0, end=len(texts[chunk].chunk.text))


def _report_id(sides: Iterable[Claimant]) -> str:
    return digest("conflict", *sorted(_key(side.passage) for side in sides), length=16)


def _kind(group: Sequence[Rivalry], sides: Sequence[Claimant]) -> str:
    keys = {_key(side.passage) for side in sides}
    return next(
        (rivalry.kind.value for rivalry in group if _key(rivalry.left) in keys and _key(rivalry.right) in keys), group[0].kind.value
    )


def _under(ruled: Ruled, side: Claimant) -> Claimant:
    """The side as the rulings leave it."""
    passage = side.passage
    return replace(
        side,
        void=ruled.void.get(passage),
        wins=ruled.wins.get(passage, {}),
        hangs=ruled.hangs.get(passage, {}),
        unknown=tuple(sorted({*side.unknown, *ruled.needs.get(passage, ())})),
    )


def _words(texts: Mapping[str, Text], passage: Passage) -> Words:
    text = texts[passage.chunk]
    return Words(passage, text.chunk.document, text_digest(passage_words(passage, text.chunk.text, text.headings)))


def _disputed(texts: Mapping[str, Text], disputes: Iterable[Rivalry]) -> Iterable[Words]:
    passages = {side for one in disputes for side in (one.left, one.right) if side.chunk in texts}
    return (_words(texts, passage) for passage in sorted(passages, key=_key))


def _conflicts(texts: Mapping[str, Text], group: Sequence[Rivalry], sides: Sequence[Claimant]) -> tuple[str, ...]:
    """The lasting conflicts between these sides; copies of one text are none."""
    keys = {_key(side.passage) for side in sides}
    between = [one for one in group if one.kind is not RivalryKind.DUPLICATE and {_key(one.left), _key(one.right)} <= keys]
    about = {side: _about(texts, side) for side in {side for one in between for side in (one.left, one.right)}}
    return tuple(sorted({conflict_id(one.kind, [about[one.left], about[one.right]]) for one in between}))


def _about(texts: Mapping[str, Text], passage: Passage) -> tuple[str, str]:
    text = texts[passage.chunk]
    return text.chunk.document, signature(passage_words(passage, text.chunk.text, text.headings), text.headings)


def _removed(loss: Loss, report: str) -> Removed:
    passage = loss.claimant.passage
    return Removed(start=passage.start, end=passage.end, reason=f"lost by {loss.rule.value}", conflict=report)


def _side(texts: Mapping[str, Text], side: Claimant, *, shown: bool) -> Side:
    text = texts[side.passage.chunk]
    is_heading = side.passage.start == side.passage.end
    return Side(
        chunk=side.passage.chunk,
        document=side.ref,
        title=side.ref if is_heading and not shown else text.revision.title,
        authority=side.authority,
        citation=text.revision.url,
        start=side.passage.start,
        end=side.passage.end,
        text=passage_words(side.passage, text.chunk.text, text.headings) if shown else None,
    )
