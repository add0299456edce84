"""Which rival is told to this customer, and why: an ordered list of rules, each a pure function of two claimants.

Gates come first: a side that is withdrawn, or does not hold on the day asked for, has lost whatever its rank. Then the workflow's rules
in their order; the first that tells two rivals apart decides between them. Every report carries the whole chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from context_service.model.applicability import Status, Window
from context_service.model.context import Reason
from context_service.model.rivalry import Passage
from context_service.model.workflow import DecidedBy


@dataclass(frozen=True)
class Claimant:
    """One side of a conflict, with everything the rules look at. `conditions` is its applicability with groups expanded;
    `unknown` names the attributes of the customer on which it depends and that nobody knows."""

    passage: Passage
    ref: str
    authority: str
    rank: int
    conditions: Mapping[str, frozenset[str]]
    effective: Window
    status: Status
    supersedes: tuple[str, ...]
    modified: datetime | None
    unknown: tuple[str, ...] = ()

    @property
    def dated(self) -> date | None:
        """The day since which it stands: when it took effect, else when it was last changed."""
        return self.effective.since or (self.modified.date() if self.modified else None)


@dataclass(frozen=True)
class Loss:
    """A side that lost; `to` is told instead. The reasons are the chain against the rival that beat it, the last one decided."""

    claimant: Claimant
    to: Claimant
    reasons: tuple[Reason, ...]

    @property
    def rule(self) -> DecidedBy:
        """The rule that decided."""
        return self.reasons[-1].rule


@dataclass(frozen=True)
class Resolution:
    """How a group of rivals ended.

    One of three: `winners` agree with each other; or `undecided` are the rivals that no rule tells apart; or `needs` names what must be
    known of the customer first, and `undecided` are those between whom that decides. `losses` say how all the others lost. Where a gate
    stopped every side, there is nothing to tell and nobody lost.
    """

    winners: tuple[Claimant, ...] = ()
    losses: tuple[Loss, ...] = ()
    undecided: tuple[Claimant, ...] = ()
    needs: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


Rivals = Callable[[Claimant, Claimant], bool]
"""Whether two sides contradict each other; two sides of a group may also agree against a third."""


def resolve(claimants: Sequence[Claimant], rivals: Rivals, order: Sequence[DecidedBy], day: date) -> Resolution:
    """Resolve one group of rivals for one customer on one day. The same sides in any order give the same resolution."""
    sides = sorted(claimants, key=lambda side: (-side.rank, side.passage.chunk, side.passage.start))
    gated = {id(side): reason for side in sides if (reason := _gate(side, day))}
    standing = [side for side in sides if id(side) not in gated]
    certain = _strongest([side for side in standing if not side.unknown], rivals, order)
    open_ends = [side for side in standing if side.unknown and side in _eliminate([*certain, side], rivals, order)]
    left = [side for side in standing if side in certain or side in open_ends]
    losses = tuple(_loss(side, left, standing, gated.get(id(side)), rivals, order) for side in sides if left and side not in left)
    if needs := _needs(open_ends, left, rivals):
        return Resolution(undecided=tuple(left), needs=needs, losses=losses, reasons=(_missing(needs),))
    if clash := _clash(left, rivals):
        return Resolution(undecided=tuple(left), losses=losses, reasons=_chain(*clash, order))
    return Resolution(winners=tuple(left), losses=losses)


def prefer_copy(copies: Sequence[Claimant]) -> Claimant:
    """Which of several copies of one text is told: the highest authority, then the latest, then a fixed order."""
    return min(copies, key=lambda side: (-side.rank, -(side.dated or date.min).toordinal(), side.ref, side.passage.chunk))


def _gate(side: Claimant, day: date) -> Reason | None:
    if side.status is not Status.CURRENT:
        return Reason(rule=DecidedBy.STATUS, decided=True, because=f"{side.ref} is {side.status.value}.")
    if not side.effective.holds_on(day):
        return Reason(rule=DecidedBy.EFFECTIVE_WINDOW, decided=True, because=f"{side.ref} holds {_spell(side.effective)}, not on {day}.")
    return None


def _strongest(sides: Sequence[Claimant], rivals: Rivals, order: Sequence[DecidedBy]) -> list[Claimant]:
    """The sides that no rule eliminates, then those that contradict none of them: who lost only to losers stands."""
    if not sides:
        return []
    left = _eliminate(sides, rivals, order)
    free = [side for side in sides if side not in left and not any(rivals(side, other) for other in left)]
    return [*left, *_strongest(free, rivals, order)]


def _eliminate(sides: Sequence[Claimant], rivals: Rivals, order: Sequence[DecidedBy]) -> list[Claimant]:
    """Go through the rules in order; each drops the sides that lose by it to a rival that is still in.

    A rule that would drop everyone, such as three documents that supersede each other in a circle, tells nothing.
    """
    left = list(sides)
    for rule in order:
        beats = RULES[rule]
        left = [side for side in left if not any(rivals(other, side) and beats(other, side) for other in left)] or left
    return left


def _needs(open_ends: Sequence[Claimant], left: Sequence[Claimant], rivals: Rivals) -> tuple[str, ...]:
    """Attributes that decide: a side that depends on them would stand if it applied, and contradicts something else that stands."""
    deciding = (side for side in open_ends if any(rivals(side, other) for other in left))
    return tuple(sorted({name for side in deciding for name in side.unknown}))


def _missing(needs: Sequence[str]) -> Reason:
    because = f"It depends on the customer's {' and '.join(needs)}, which is not known."
    return Reason(rule=DecidedBy.SPECIFICITY, decided=False, because=because)


def _clash(left: Sequence[Claimant], rivals: Rivals) -> tuple[Claimant, Claimant] | None:
    pairs = ((a, b) for i, a in enumerate(left) for b in left[i + 1 :])
    return next(((a, b) for a, b in pairs if rivals(a, b)), None)


def _loss(
    side: Claimant, left: Sequence[Claimant], standing: Sequence[Claimant], gate: Reason | None, rivals: Rivals, order: Sequence[DecidedBy]
) -> Loss:
    """How a side that is not left lost: at a gate, else to the rival that beats it by the shortest chain.

    Better one that surely applies to the customer, and one that is left.
    """
    told = min(left, key=lambda other: (not rivals(other, side), bool(other.unknown)))
    if gate:
        return Loss(side, told, (gate,))
    chains = [(other, _chain(other, side, order)) for other in standing if rivals(other, side)]
    won = [(other, reasons) for other, reasons in chains if reasons[-1].decided and RULES[reasons[-1].rule](other, side)]
    beaten_by, reasons = min(won, key=lambda pair: (bool(pair[0].unknown), pair[0] not in left, len(pair[1])))
    return Loss(side, beaten_by if beaten_by in left else told, reasons)


def _chain(a: Claimant, b: Claimant, order: Sequence[DecidedBy]) -> tuple[Reason, ...]:
    """Each rule in turn up to the one that tells `a` and `b` apart; the last is `unresolved` when none does."""
    reasons: list[Reason] = []
    for rule in order:
        beats = RULES[rule]
        for winner, loser in ((a, b), (b, a)):
            if beats(winner, loser):
                return (*reasons, Reason(rule=rule, decided=True, because=DECIDED[rule](winner, loser)))
        reasons.append(Reason(rule=rule, decided=False, because=UNDECIDED[rule](a, b)))
    return (*reasons, Reason(rule=DecidedBy.UNRESOLVED, decided=False, because="No rule tells the two apart; their owners have to."))


def _never(_: Claimant, __: Claimant) -> bool:
    return False


def _more_specific(a: Claimant, b: Claimant) -> bool:
    if a.conditions == b.conditions:
        return False
    return all(attribute in a.conditions and a.conditions[attribute] <= values for attribute, values in b.conditions.items())


def _more_recent(a: Claimant, b: Claimant) -> bool:
    if a.dated is None or b.dated is None:
        return False
    if a.dated != b.dated:
        return a.dated > b.dated
    return bool(a.modified and b.modified and a.modified > b.modified)


RULES: Mapping[DecidedBy, Callable[[Claimant, Claimant], bool]] = {
    DecidedBy.RULING: _never,  # no ruling can be given yet, so none ever decides
    DecidedBy.SPECIFICITY: _more_specific,
    DecidedBy.AUTHORITY: lambda a, b: a.rank > b.rank,
    DecidedBy.SUPERSEDES: lambda a, b: b.ref in a.supersedes and a.ref not in b.supersedes,
    DecidedBy.RECENCY: _more_recent,
}
"""Whether the first side beats the second by the rule."""


Text = Callable[[Claimant, Claimant], str]


def _both_dated(a: Claimant, b: Claimant) -> str:
    return "Neither is later than the other." if a.dated and b.dated else "Their dates are not both known."


DECIDED: Mapping[DecidedBy, Text] = {
    DecidedBy.SPECIFICITY: lambda winner, loser: f"{winner.ref} is written for {_audience(winner)}, {loser.ref} for {_audience(loser)}.",
    DecidedBy.AUTHORITY: lambda winner, loser: f"{winner.authority} ({winner.rank}) outranks {loser.authority} ({loser.rank}).",
    DecidedBy.SUPERSEDES: lambda winner, loser: f"{winner.ref} declares that it supersedes {loser.ref}.",
    DecidedBy.RECENCY: lambda winner, loser: f"{winner.ref} stands since {winner.dated}, {loser.ref} since {loser.dated}.",
}
"""What a rule says when it decided for the first against the second."""

UNDECIDED: Mapping[DecidedBy, Text] = {
    DecidedBy.RULING: lambda _, __: "No ruling covers these two.",
    DecidedBy.SPECIFICITY: lambda _, __: "Neither is written for a narrower group of customers than the other.",
    DecidedBy.AUTHORITY: lambda a, b: f"{a.authority} and {b.authority} are of equal rank ({a.rank}).",
    DecidedBy.SUPERSEDES: lambda _, __: "Neither declares that it supersedes the other.",
    DecidedBy.RECENCY: _both_dated,
}
"""What a rule says when it cannot tell the two apart."""


def _audience(side: Claimant) -> str:
    if not side.conditions:
        return "everyone"
    return " and ".join(f"{attribute} {'/'.join(sorted(values))}" for attribute, values in sorted(side.conditions.items()))


def _spell(window: Window) -> str:
    if window.since and window.until:
        return f"from {window.since} to {window.until}"
    return f"from {window.since}" if window.since else f"until {window.until}"
