"""Which rival is told to this customer, and why: an ordered list of rules, each a pure function of two claimants.

Gates come first: a side that is withdrawn, or does not hold on the day asked for, has lost whatever its rank. Then the workflow's rules
in their order; the first that tells two rivals apart decides between them. Every report carries the whole chain.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from context_service.model.applicability import Status, Window
from context_service.model.context import Reason
from context_service.model.rivalry import Passage
from context_service.model.workflow import DecidedBy


@dataclass(frozen=True)
class Verdict:
    """What a ruling says of a side, for one request; `unknown` are attributes of the customer on which it depends whether it says so."""

    ruling: str
    because: str
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claimant:
    """One side of a conflict, with everything the rules look at. `conditions` is its applicability with groups expanded;
    `unknown` names the attributes of the customer on which it depends and that nobody knows.

    The rulings have been applied before: a side that is `void` may not be told; it wins over the passages in `wins`; and between it and
    those in `hangs` no rule may decide for it, because what a ruling says of the two depends on something unknown.
    """

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
    void: Verdict | None = None
    wins: Mapping[Passage, Verdict] = field(default_factory=dict)
    hangs: Mapping[Passage, Verdict] = field(default_factory=dict)

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
    ruling: str | None = None

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
    ruling: str | None = None


Rivals = Callable[[Claimant, Claimant], bool]
"""Whether two sides contradict each other; two sides of a group may also agree against a third."""


def resolve(claimants: Sequence[Claimant], rivals: Rivals, order: Sequence[DecidedBy], day: date) -> Resolution:
    """Resolve one group of rivals for one customer on one day. The same sides in any order give the same resolution."""
    sides = sorted(claimants, key=lambda side: (-side.rank, side.passage.chunk, side.passage.start, side.passage.end))
    gated = {id(side): reason for side in sides if (reason := _gate(side, day))}
    standing = [side for side in sides if id(side) not in gated]
    ranking = _ranking(order, standing, rivals)
    certain = _strongest([side for side in standing if not side.unknown], rivals, ranking)
    open_ends = [side for side in standing if side.unknown and side in _eliminate([*certain, side], rivals, ranking)]
    left = [side for side in standing if side in certain or side in open_ends]
    losses = tuple(_loss(side, left, standing, gated.get(id(side)), rivals, ranking) for side in sides if left and side not in left)
    if needs := _needs(open_ends, left, rivals):
        hanging = next(iter(_hanging(left)), None)
        ruling = hanging.ruling if hanging else None
        return Resolution(undecided=tuple(left), needs=needs, losses=losses, reasons=(_missing(needs, hanging),), ruling=ruling)
    if clash := _clash(left, rivals):
        return Resolution(undecided=tuple(left), losses=losses, reasons=_chain(*clash, ranking))
    return Resolution(winners=tuple(left), losses=losses)


def prefer_copy(copies: Sequence[Claimant]) -> Claimant:
    """Which of several copies of one text is told: the highest authority, then the latest, then a fixed order."""
    return min(copies, key=lambda side: (-side.rank, -(side.dated or date.min).toordinal(), side.ref, side.passage.chunk))


def _gate(side: Claimant, day: date) -> Reason | None:
    if side.status is not Status.CURRENT:
        return Reason(rule=DecidedBy.STATUS, decided=True, because=f"{side.ref} is {side.status.value}.")
    if not side.effective.holds_on(day):
        return Reason(rule=DecidedBy.EFFECTIVE_WINDOW, decided=True, because=f"{side.ref} holds {_spell(side.effective)}, not on {day}.")
    return Reason(rule=DecidedBy.RULING, decided=True, because=side.void.because) if side.void else None


def _strongest(sides: Sequence[Claimant], rivals: Rivals, ranking: Sequence[Ranked]) -> list[Claimant]:
    """The sides that no rule eliminates, then those that contradict none of them: who lost only to losers stands.

    Not so who lost by a ruling: its owners said that it is not told, whatever becomes of the one that they preferred.
    """
    if not sides:
        return []
    left = _eliminate(sides, rivals, ranking)
    free = [
        side
        for side in sides
        if side not in left
        and not any(rivals(side, other) for other in left)
        and not any(_ruled_out(side, other, ranking) and rivals(side, other) for other in sides)
    ]
    return [*left, *_strongest(free, rivals, ranking)]


def _ruled_out(side: Claimant, other: Claimant, ranking: Sequence[Ranked]) -> bool:
    """Whether `side` loses to `other` by a ruling."""
    if not _ruled(other, side):
        return False
    deciding = next((rule for rule in ranking if rule.beats(side, other) or rule.beats(other, side)), None)
    return deciding is not None and deciding.name is DecidedBy.RULING and deciding.beats(other, side)


def _eliminate(sides: Sequence[Claimant], rivals: Rivals, ranking: Sequence[Ranked]) -> list[Claimant]:
    """Go through the rules in order; each drops the sides that lose by it to a rival that is still in."""
    left = list(sides)
    for rule in ranking:
        left = [side for side in left if not any(rule.beats(other, side) and rivals(other, side) for other in left)]
    return left


@dataclass(frozen=True)
class Ranked:
    """A rule as it holds in one group of rivals. `circles` are pairs that it tells apart in a circle, and so not at all."""

    name: DecidedBy
    beats: Beats
    circles: frozenset[tuple[Passage, Passage]]

    def undecided(self, a: Claimant, b: Claimant) -> str:
        """Why it does not tell the two apart."""
        return f"{IN_CIRCLE[self.name]} in a circle." if (a.passage, b.passage) in self.circles else UNDECIDED[self.name](a, b)


def _ranking(order: Sequence[DecidedBy], sides: Sequence[Claimant], rivals: Rivals) -> list[Ranked]:
    """The rules in their order. From the ruling on, none tells two sides apart that hang on one."""
    return [_ranked(rule, DecidedBy.RULING in order[: number + 1], sides, rivals) for number, rule in enumerate(order)]


def _ranked(rule: DecidedBy, after_ruling: bool, sides: Sequence[Claimant], rivals: Rivals) -> Ranked:  # noqa: FBT001 - one of two cases
    def beats(a: Claimant, b: Claimant) -> bool:
        return RULES[rule](a, b) and not (after_ruling and a.hangs and b.passage in a.hangs)

    circles = _circles(beats, sides, rivals) if rule in IN_CIRCLE else frozenset()
    return Ranked(rule, (lambda a, b: (a.passage, b.passage) not in circles and beats(a, b)) if circles else beats, circles)


def _circles(beats: Beats, sides: Sequence[Claimant], rivals: Rivals) -> frozenset[tuple[Passage, Passage]]:
    """Pairs of sides each of which beats the other, be it by way of third ones."""
    beaten = {a.passage: {b.passage for b in sides if a is not b and beats(a, b) and rivals(a, b)} for a in sides}
    while any(_extend(reached, beaten) for reached in beaten.values()):
        pass
    return frozenset((a, b) for a, reached in beaten.items() for b in reached if a != b and a in beaten[b])


def _extend(reached: set[Passage], beaten: Mapping[Passage, set[Passage]]) -> bool:
    before = len(reached)
    reached.update(*[beaten[one] for one in reached])
    return len(reached) > before


def _needs(open_ends: Sequence[Claimant], left: Sequence[Claimant], rivals: Rivals) -> tuple[str, ...]:
    """Attributes that decide: a side that depends on them would stand if it applied, and contradicts something else that stands; or a
    ruling on two that are left depends on them.
    """
    deciding = (side for side in open_ends if any(rivals(side, other) for other in left))
    ruled = (verdict.unknown for verdict in _hanging(left))
    return tuple(sorted({name for names in (*(side.unknown for side in deciding), *ruled) for name in names}))


def _hanging(left: Sequence[Claimant]) -> list[Verdict]:
    """What rulings say of sides that are left, where that hangs on something unknown."""
    return [side.hangs[other.passage] for side in left for other in left if other.passage in side.hangs]


def _missing(needs: Sequence[str], hanging: Verdict | None) -> Reason:
    because = f"It depends on the customer's {' and '.join(needs)}, which is not known."
    if hanging:
        return Reason(rule=DecidedBy.RULING, decided=False, because=f"{hanging.because} {because}")
    return Reason(rule=DecidedBy.SPECIFICITY, decided=False, because=because)


def _clash(left: Sequence[Claimant], rivals: Rivals) -> tuple[Claimant, Claimant] | None:
    pairs = ((a, b) for i, a in enumerate(left) for b in left[i + 1 :])
    return next(((a, b) for a, b in pairs if rivals(a, b)), None)


def _loss(
    side: Claimant,
    left: Sequence[Claimant],
    standing: Sequence[Claimant],
    gate: Reason | None,
    rivals: Rivals,
    ranking: Sequence[Ranked],
) -> Loss:
    """How a side that is not left lost: at a gate, else to the rival that beats it by the shortest chain.

    Better one that surely applies to the customer, and one that is left.
    """
    told = min(left, key=lambda other: (not rivals(other, side), bool(other.unknown)))
    if gate:
        return Loss(side, told, (gate,), side.void.ruling if side.void and gate.rule is DecidedBy.RULING else None)
    chains = [(other, _chain(other, side, ranking)) for other in standing if rivals(other, side)]
    won = [(other, reasons) for other, reasons in chains if reasons[-1].decided and RULES[reasons[-1].rule](other, side)]
    beaten_by, reasons = min(won, key=lambda pair: (bool(pair[0].unknown), pair[0] not in left, len(pair[1])))
    ruling = beaten_by.wins[side.passage].ruling if reasons[-1].rule is DecidedBy.RULING else None
    return Loss(side, beaten_by if beaten_by in left else told, reasons, ruling)


def decided_by(
    sides: Sequence[Claimant], others: Sequence[Claimant], rivals: Rivals, order: Sequence[DecidedBy], day: date
) -> DecidedBy | None:
    """The rule that decides between the sides of one conflict for a customer for whom all of them hold; None when none does.

    Of the `others`, which contradict some side, those count that hold for every such customer: a text for premium members in Europe
    decides between one for premium members and one for Europe.
    """
    present = [*sides, *(other for other in others if _holds_with(other, sides))]
    resolution = resolve([replace(side, unknown=()) for side in present], rivals, order, day)
    disputed = {side.passage for side in sides}
    if any(side.passage in disputed for side in resolution.undecided):
        return None
    return next((loss.rule for loss in resolution.losses if loss.claimant.passage in disputed), DecidedBy.STATUS)


def bearing(other: Claimant, side: Claimant, day: date) -> Hashable:
    """What `decided_by` looks at of a rival that contradicts `side`: of two with the same bearing on each side, one is as good as both.

    Before any ruling, and for rivals that are held against no more than the sides.
    """
    beats = tuple((rule(other, side), rule(side, other)) for rule in RULES.values())
    return _gate(other, day) is None, frozenset(other.conditions.items()), beats


def _holds_with(other: Claimant, sides: Sequence[Claimant]) -> bool:
    """Whether a text holds for everybody for whom all `sides` do."""
    return all(
        (common := [side.conditions[name] for side in sides if name in side.conditions]) and frozenset.intersection(*common) <= values
        for name, values in other.conditions.items()
    )


def _chain(a: Claimant, b: Claimant, ranking: Sequence[Ranked]) -> tuple[Reason, ...]:
    """Each rule in turn up to the one that tells `a` and `b` apart; the last is `unresolved` when none does."""
    reasons: list[Reason] = []
    for rule in ranking:
        for winner, loser in ((a, b), (b, a)):
            if rule.beats(winner, loser):
                return (*reasons, Reason(rule=rule.name, decided=True, because=DECIDED[rule.name](winner, loser)))
        reasons.append(Reason(rule=rule.name, decided=False, because=rule.undecided(a, b)))
    return (*reasons, Reason(rule=DecidedBy.UNRESOLVED, decided=False, because="No rule tells the two apart; their owners have to."))


Beats = Callable[[Claimant, Claimant], bool]


def _ruled(a: Claimant, b: Claimant) -> bool:
    return bool(a.wins) and b.passage in a.wins


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


RULES: Mapping[DecidedBy, Beats] = {
    DecidedBy.RULING: _ruled,
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
    DecidedBy.RULING: lambda winner, loser: winner.wins[loser.passage].because,
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

IN_CIRCLE: Mapping[DecidedBy, str] = {
    DecidedBy.RULING: "The rulings on these go",
    DecidedBy.SUPERSEDES: "These declare to supersede each other",
}
"""The rules by which the first of three sides may beat the second, the second the third, and the third the first."""


def _audience(side: Claimant) -> str:
    if not side.conditions:
        return "everyone"
    return " and ".join(f"{attribute} {'/'.join(sorted(values))}" for attribute, values in sorted(side.conditions.items()))


def _spell(window: Window) -> str:
    if window.since and window.until:
        return f"from {window.since} to {window.until}"
    return f"from {window.since}" if window.since else f"until {window.until}"
