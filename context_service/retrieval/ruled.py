"""What the owners' rulings say of the passages around one request. Pure: rulings, words and situation come in, verdicts go out.

A ruling binds exactly the words it was made about: a passage belongs to a ruled side when its document says the same words as then. So a
ruling whose side has changed finds nothing to decide. Rulings whose scope the request may or may not fall under, because an attribute of
the customer is unknown, and conditions that may or may not hold, leave the two sides hanging: that attribute has to be asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from context_service.conflicts.resolve import Verdict
from context_service.model.applicability import Applicability
from context_service.model.base import admits
from context_service.model.conflict import RuledSide, Ruling, RulingOutcome
from context_service.model.rivalry import Passage
from context_service.policy.applies import Fit, Match, Regions, conditions, fit

YES, NO = Fit(Match.YES), Fit(Match.NO)


@dataclass(frozen=True)
class Words:
    """A passage, its document and the digest of its words (`text_digest`)."""

    passage: Passage
    document: str
    text: str


@dataclass(frozen=True)
class Request:
    """What a ruling's scope and conditions are held against. `workflow` is None while a person browses."""

    workflow: str | None
    known: Mapping[str, frozenset[str]]
    regions: Regions

    def fits(self, applicability: Applicability) -> Fit:
        """Whether it holds here."""
        return fit(conditions(applicability, self.regions), self.known)

    def covered_by(self, ruling: Ruling) -> Fit:
        """Whether the ruling's scope covers this request."""
        names = ruling.scope.workflows
        if names != "*" and (self.workflow is None or not admits(names, self.workflow)):
            return NO
        return self.fits(ruling.scope.applicability)


@dataclass
class Ruled:
    """The rulings' outcome: passages that may not be told, pairs that are no rivals, who wins over whom, and what hangs on something."""

    void: dict[Passage, Verdict] = field(default_factory=dict)
    agreed: set[frozenset[Passage]] = field(default_factory=set)
    wins: dict[Passage, dict[Passage, Verdict]] = field(default_factory=lambda: defaultdict(dict))
    hangs: dict[Passage, dict[Passage, Verdict]] = field(default_factory=lambda: defaultdict(dict))
    needs: dict[Passage, set[str]] = field(default_factory=lambda: defaultdict(set))

    between: set[frozenset[Passage]] = field(default_factory=set)
    """Pairs of which a ruling says, or may say, that one is not told beside the other."""


def apply_rulings(
    rulings: Sequence[Ruling], pairs: Iterable[tuple[Words, Words]], request: Request, apart: Collection[frozenset[Passage]] = ()
) -> Ruled:
    """Apply those of `rulings` (which all stand at the moment of the request) that cover it; of two, the newer one decides.

    `apart` are pairs that are both told where no ruling says otherwise.
    """
    ruled = Ruled()
    covering = [(one, fits) for one in _newest_first(rulings) if (fits := request.covered_by(one)).match is not Match.NO]
    for pair in pairs:
        found = next(((ruling, fits, sides) for ruling, fits in covering if (sides := _sides(ruling, pair))), None)
        if not found:
            continue
        ruling, fits, sides = found
        if fits.match is Match.UNKNOWN:
            _hang_on_scope(ruled, ruling, fits.unknown, sides, pair, apart)
        else:
            _apply(ruled, ruling, sides, pair, request)
    return ruled


def void_alone(rulings: Sequence[Ruling], words: Iterable[Words], request: Request) -> dict[Passage, Verdict]:
    """Passages that a ruling keeps from being told even where no rival stands beside them."""
    found: dict[Passage, Verdict] = {}
    for ruling in _newest_first(rulings):
        if request.covered_by(ruling).match is Match.YES:
            for one in words:
                side = _side(ruling, one)
                if side and _excluded(ruling, side, request):
                    found.setdefault(one.passage, _verdict(ruling))
    return found


def _apply(ruled: Ruled, ruling: Ruling, sides: tuple[RuledSide, RuledSide], pair: tuple[Words, Words], request: Request) -> None:
    both = frozenset((pair[0].passage, pair[1].passage))
    excluded = [one for one, side in zip(pair, sides, strict=True) if _excluded(ruling, side, request)]
    open_ends = {one: _unknown(ruling, side, request) for one, side in zip(pair, sides, strict=True)}
    if excluded:
        ruled.void.update({one.passage: _verdict(ruling) for one in excluded})
        ruled.between.add(both)
    elif any(open_ends.values()):
        _hang_on_conditions(ruled, ruling, pair, open_ends)
    elif not _names_a_side(ruling):
        ruled.agreed.add(both)
    elif order := _in_order(ruling, sides, pair):
        preferred, loser = order
        ruled.wins[preferred.passage][loser.passage] = _verdict(ruling)
        ruled.between.add(both)


def _hang_on_scope(
    ruled: Ruled,
    ruling: Ruling,
    unknown: tuple[str, ...],
    sides: tuple[RuledSide, RuledSide],
    pair: tuple[Words, Words],
    apart: Collection[frozenset[Passage]],
) -> None:
    """Nobody knows whether the ruling covers the request: no later rule may decide otherwise than it would."""
    both, verdict = frozenset((pair[0].passage, pair[1].passage)), replace(_verdict(ruling), unknown=unknown)
    otherwise = [pair, pair[::-1]]
    if _names_a_side(ruling):
        order = _in_order(ruling, sides, pair)
        if order is None:
            return
        otherwise = otherwise if both in apart else [order[::-1]]
    elif both in apart and ruling.outcome is RulingOutcome.NOT_A_CONFLICT:
        return
    for one, other in otherwise:
        ruled.hangs[one.passage][other.passage] = verdict
    ruled.between.add(both)


def _hang_on_conditions(ruled: Ruled, ruling: Ruling, pair: tuple[Words, Words], open_ends: Mapping[Words, tuple[str, ...]]) -> None:
    for one, other in (pair, pair[::-1]):
        ruled.hangs[one.passage][other.passage] = _verdict(ruling)
        ruled.needs[one.passage].update(open_ends[one])
    ruled.between.add(frozenset((pair[0].passage, pair[1].passage)))


def _names_a_side(ruling: Ruling) -> bool:
    return ruling.side is not None


def _in_order(ruling: Ruling, sides: tuple[RuledSide, RuledSide], pair: tuple[Words, Words]) -> tuple[Words, Words] | None:
    """The side that the ruling prefers and the other one; None where it names neither of the two."""
    named = next((n for n, side in enumerate(sides) if side.id == ruling.side), None)
    if named is None:
        return None
    return pair if (named == 0) is (ruling.outcome is RulingOutcome.SIDE_WINS) else pair[::-1]


def _excluded(ruling: Ruling, side: RuledSide, request: Request) -> bool:
    """Whether the ruling says that this side does not hold for the request."""
    if ruling.outcome is RulingOutcome.FIX_AT_SOURCE:
        return side.id == ruling.side
    return side.id in ruling.conditions and request.fits(ruling.conditions[side.id]).match is Match.NO


def _unknown(ruling: Ruling, side: RuledSide, request: Request) -> tuple[str, ...]:
    return request.fits(ruling.conditions[side.id]).unknown if side.id in ruling.conditions else ()


def _sides(ruling: Ruling, pair: tuple[Words, Words]) -> tuple[RuledSide, RuledSide] | None:
    left, right = _side(ruling, pair[0]), _side(ruling, pair[1])
    return (left, right) if left and right and left != right else None


def _side(ruling: Ruling, words: Words) -> RuledSide | None:
    return next((side for side in ruling.sides if side.document == words.document and words.text in side.texts), None)


def _verdict(ruling: Ruling) -> Verdict:
    return Verdict(ruling.id, f"Ruled by {ruling.author} on {ruling.made_at:%Y-%m-%d}: {ruling.reason}")


def _newest_first(rulings: Sequence[Ruling]) -> list[Ruling]:
    return sorted(rulings, key=lambda one: (one.made_at, one.id), reverse=True)
