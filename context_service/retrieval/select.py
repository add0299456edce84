"""Choosing what may be told: winners in the place of what they beat, no copies, nothing superseded, what must be included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from context_service.model.context import ConflictReport, Excluded, Removed, Scores, Side
from context_service.model.document import Revision
from context_service.model.rivalry import Passage
from context_service.model.workflow import DecidedBy, MustInclude, Tier, Workflow
from context_service.policy.applies import Match
from context_service.records.protocol import RecordStore
from context_service.retrieval.assemble import kept
from context_service.retrieval.exclusions import exclusions
from context_service.retrieval.gate import Asked, Gate, Text
from context_service.retrieval.search import Candidate, Found
from context_service.retrieval.settle import Settled
from context_service.retrieval.tiers import Ranker, Reading


@dataclass(frozen=True)
class Required:
    """Texts that every answer of a workflow carries, in order, and a notice for each that cannot be told."""

    texts: Mapping[str, Text]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Selection:
    """The candidates that may be told in order, with what the conflicts took from their texts, and what was set aside."""

    candidates: list[Candidate]
    must: list[str]
    texts: Mapping[str, Text]
    removed: Mapping[str, Sequence[Removed]]
    reports: Sequence[ConflictReport]
    open_passages: Mapping[str, Sequence[Passage]]
    heirs: Mapping[str, tuple[str, ...]]
    """Chunk with a side that won -> readable chunks of the sides it beat, in the order of the search."""
    excluded: Excluded
    notices: tuple[str, ...]
    tier: Tier = Tier.NONE
    """What put the candidates in order."""

    @property
    def order(self) -> list[str]:
        """Chunks to tell, best first."""
        return [candidate.chunk for candidate in self.candidates]

    @property
    def scores(self) -> dict[str, Scores]:
        """Scores by chunk."""
        return {candidate.chunk: candidate.scores for candidate in self.candidates}

    def told_text(self, chunk: str) -> str:
        """A chunk's text without the parts that lost or instruct the agent."""
        text = self.texts[chunk].chunk
        return kept(text.text, text.flags, self.removed.get(chunk, ()))


def select(
    records: RecordStore,
    gate: Gate,
    asked: Asked,
    required: Required,
    found: Found,
    aside: Sequence[str],
    settled: Settled,
    texts: Mapping[str, Text],
) -> Selection:
    """What may be told, in the order of the search. `texts` are those that were settled."""
    superseded = _superseded(records, gate, asked, texts, settled)
    readable = [candidate for candidate in found.candidates if candidate.chunk in texts]
    must = _with_rivals(required, gate, settled, texts)
    left_out = settled.copies.keys() | superseded.whole | set(must)
    reasons = _reasons(gate, [*aside, *(candidate.chunk for candidate in readable)], settled, superseded.whole, texts)
    return Selection(
        candidates=[
            candidate
            for candidate in _with_winners(readable, settled)
            if candidate.chunk not in left_out and gate.holds(texts[candidate.chunk]) is None
        ],
        must=must,
        texts=texts,
        removed=_removed(settled, superseded),
        reports=settled.reports,
        open_passages=settled.open_passages,
        heirs=_heirs(settled, [candidate.chunk for candidate in readable]),
        excluded=exclusions(reasons, texts, asked.day),
        notices=required.notices,
    )


def fresher_first(selection: Selection) -> Selection:
    """Texts that their source's promise demotes for their age come after all others, in the order they had."""
    return replace(selection, candidates=sorted(selection.candidates, key=lambda one: selection.texts[one.chunk].treatment == "demote"))


def by_pertinence(selection: Selection, ranker: Ranker, query: str, depth: int, added: frozenset[str]) -> Selection | None:
    """The first `depth` candidates, and those that were added unsearched, in the order of a tier; None where that cannot answer.

    It reads texts as they would be told, so that a text which owes its place to a sentence that lost falls back, and the side that won
    takes that place over; of the texts that were beaten at most `depth` are read. What has nothing to do with the question is left out,
    and so is what was not read.
    """
    told: dict[Candidate, str] = {}
    for one in selection.candidates:
        if (len(told) < depth or one.chunk in added) and (words := selection.told_text(one.chunk)):
            told[one] = words
    head = list(told)
    beaten = _beaten([selection.heirs.get(one.chunk, ()) for one in head], depth)
    scores = ranker.scores(query, [_as_told(selection, one.chunk, told[one]) for one in head] + [_whole(selection, one) for one in beaten])
    if scores is None:
        return None
    was = {loser: score for loser, score in zip(beaten, scores[len(head) :], strict=True) if score is not None}
    read = {one: score for one, score in zip(head, scores, strict=False) if score is not None}
    best = [max([score, *(was[loser] for loser in selection.heirs.get(one.chunk, ()) if loser in was)]) for one, score in read.items()]
    floor = max(best, default=0.0) - ranker.gap
    ranked = [one for one in ranker.order(list(read), best) if one.scores.reranked is not None and one.scores.reranked >= floor]
    return replace(selection, candidates=ranked, tier=ranker.tier)


def _beaten(losers: Sequence[Sequence[str]], most: int) -> list[str]:
    """What the head beat, at most `most`: the nearest loser of each winner first, so that one with many leaves the others theirs."""
    in_turn = [loser for turn in zip_longest(*losers) for loser in turn if loser is not None]
    return sorted([*dict.fromkeys(in_turn)][:most])


def _as_told(selection: Selection, chunk: str, words: str) -> Reading:
    text = selection.texts[chunk].chunk
    return _whole(selection, chunk) if words == text.text.strip() else Reading(f"{text.header}\n{words}")


def _whole(selection: Selection, chunk: str) -> Reading:
    text = selection.texts[chunk].chunk
    return Reading(text.indexed_text, text.embedding_key)


def _with_winners(candidates: Sequence[Candidate], settled: Settled) -> Iterator[Candidate]:
    """Each chunk once, a winner no later than the first text it beat and with a score no lower."""
    own = {candidate.chunk: candidate for candidate in candidates}
    seen: set[str] = set()
    for candidate in candidates:
        copy_of = settled.copies.get(candidate.chunk)
        for chunk in (*sorted(settled.stands_in.get(candidate.chunk, ())), *([copy_of] if copy_of else []), candidate.chunk):
            if chunk not in seen:
                seen.add(chunk)
                scores = own[chunk].scores if chunk in own else Scores()
                yield Candidate(chunk, scores.model_copy(update={"fused": max(scores.fused, candidate.scores.fused)}))


def _heirs(settled: Settled, found: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Only what the search found hands its place on."""
    winners = {winner for loser in found for winner in settled.stands_in.get(loser, ())}
    return {winner: tuple(loser for loser in found if winner in settled.stands_in.get(loser, ())) for winner in winners}


@dataclass(frozen=True)
class _Superseded:
    """Chunks of which nothing is told because another document replaces theirs; of those in `but`, only what won against that one."""

    whole: set[str]
    but: Mapping[str, Sequence[Removed]]


def _superseded(records: RecordStore, gate: Gate, asked: Asked, texts: Mapping[str, Text], settled: Settled) -> _Superseded:
    """Chunks of documents that another one, of at least their rank and in force for this customer, declares to replace."""
    refs = {text.revision.ref for text in texts.values()}
    replaced: dict[str, set[str]] = {}
    for ref, revisions in records.superseding(sorted(refs), asked.release).items():
        if by := {revision.ref for revision in revisions if _in_force(records, gate, asked, revision, texts, ref)}:
            replaced[ref] = by
    chunks = {chunk for chunk, text in texts.items() if text.revision.ref in replaced}
    won = {chunk: sides for chunk in chunks if (sides := _won(chunk, settled, replaced[texts[chunk].revision.ref]))}
    return _Superseded(chunks - won.keys(), {chunk: _all_but(sides, texts[chunk]) for chunk, sides in won.items()})


def _won(chunk: str, settled: Settled, against: set[str]) -> list[Side]:
    """The parts of a chunk that an earlier rule than superseding preferred to what replaces their document."""
    winners = ((report.winner, report.losers) for report in settled.reports if report.rule is not DecidedBy.DUPLICATE)
    return [winner for winner, losers in winners if winner and winner.chunk == chunk and any(loser.document in against for loser in losers)]


def _all_but(sides: Iterable[Side], text: Text) -> list[Removed]:
    ends = [0, *(end for side in sorted(sides, key=lambda one: one.start) for end in (side.start, side.end)), len(text.chunk.text)]
    gaps = zip(ends[::2], ends[1::2], strict=True)
    return [Removed(start=start, end=end, reason="superseded") for start, end in gaps if start < end]


def _removed(settled: Settled, superseded: _Superseded) -> dict[str, Sequence[Removed]]:
    return {**settled.removed, **{chunk: [*settled.removed.get(chunk, ()), *cuts] for chunk, cuts in superseded.but.items()}}


def _in_force(records: RecordStore, gate: Gate, asked: Asked, revision: Revision, texts: Mapping[str, Text], ref: str) -> bool:
    first = records.chunks_of(revision.document, asked.release)[:1]
    readable = gate.read([chunk.id for chunk in first])
    rank = max(text.revision.governance.rank for text in texts.values() if text.revision.ref == ref)
    return any(gate.holds(text) is None and text.fit.match is Match.YES and revision.governance.rank >= rank for text in readable.values())


def required_texts(records: RecordStore, gate: Gate, asked: Asked, workflow: Workflow) -> Required:
    """What every answer of the workflow carries."""
    texts: dict[str, Text] = {}
    notices = []
    for include in workflow.must_include:
        readable = gate.read(_section(records, asked, include))
        holding = [text for text in readable.values() if gate.holds(text) is None]
        if not holding:
            notices.append(f"`{include.document}` must be part of every answer here and cannot be told to this customer.")
        texts.update({text.id: text for text in sorted(holding, key=lambda text: text.chunk.ordinal)})
    return Required(texts, tuple(notices))


def _with_rivals(required: Required, gate: Gate, settled: Settled, texts: Mapping[str, Text]) -> list[str]:
    """The required chunks, each with those that won against a part of it, or of which nobody can tell whether they do."""
    chunks = [one for chunk in required.texts for one in (chunk, *sorted(settled.stands_in.get(chunk, ())))]
    return [chunk for chunk in dict.fromkeys(chunks) if gate.holds(texts[chunk]) is None]


def _section(records: RecordStore, asked: Asked, include: MustInclude) -> list[str]:
    source, _, key = include.document.partition(":")
    revision = records.revision_of(source, key, asked.release)
    chunks = records.chunks_of(revision.document, asked.release) if revision else []
    if include.section is None:
        return [chunk.id for chunk in chunks[:1]]
    return [chunk.id for chunk in chunks if include.section in chunk.heading_path]


def _reasons(gate: Gate, chunks: Iterable[str], settled: Settled, superseded: set[str], texts: Mapping[str, Text]) -> dict[str, str]:
    """Why each chunk that was found is not told, for those that are not."""
    reasons: dict[str, str] = {}
    for chunk in chunks:
        if chunk not in texts or chunk in reasons:
            continue
        reason = gate.holds(texts[chunk])
        if reason is None and chunk in superseded:
            reason = "superseded"
        if reason is None and chunk in settled.copies:
            reason = "duplicate"
        if reason is None and any(cut.conflict for cut in settled.removed.get(chunk, ())):
            reason = "conflict"
        if reason:
            reasons[chunk] = reason
    return reasons
