"""Whether the rules decide a conflict, among all that contradicts its sides. A text that is copied everywhere has hundreds of rivals; most
of them stand to a side as some other does, and one of each sort is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations

from context_service.conflicts.resolve import Claimant, bearing, decided_by
from context_service.model.rivalry import Passage, Rivalry
from context_service.model.workflow import DecidedBy

Spot = tuple[str, int, int]
"""A passage: its chunk, its start and its end."""


def spot(passage: Passage) -> Spot:
    """The passage in an order, and cheap to look up."""
    return passage.chunk, passage.start, passage.end


class Surroundings:
    """Rivalries with their sides as claimants, before any ruling, on one day."""

    def __init__(self, rivalries: Iterable[Rivalry], claimant: Callable[[Passage], Claimant], day: date) -> None:
        self._day = day
        self._claimants: dict[Spot, Claimant] = {}
        self._bearings: dict[Spot, dict[Spot, Hashable]] = defaultdict(dict)
        self._sorts: dict[Spot, dict[Hashable, list[Spot]]] = defaultdict(lambda: defaultdict(list))
        for one in rivalries:
            for passage in (one.left, one.right):
                if spot(passage) not in self._claimants:
                    self._claimants[spot(passage)] = claimant(passage)
            self._hold_against(spot(one.left), spot(one.right))
            self._hold_against(spot(one.right), spot(one.left))

    def decides(self, passages: Iterable[Passage], order: Sequence[DecidedBy]) -> bool:
        """Whether rules in this order choose between the sides of a conflict: see `decided_by`."""
        disputed = sorted({spot(passage) for passage in passages})
        sides = [self._claimants[one] for one in disputed]

        def rivals(a: Claimant, b: Claimant) -> bool:
            ours, theirs = spot(a.passage), spot(b.passage)
            return (ours in disputed or theirs in disputed) and theirs in self._bearings[ours]

        return bool(decided_by(sides, self.beside(disputed), rivals, order, self._day))

    def beside(self, disputed: Sequence[Spot]) -> list[Claimant]:
        """What contradicts some of the disputed passages, one of every sort: however many there are, the rules decide as for all."""
        return [self._claimants[one] for one in sorted(self._others(disputed))]

    def _hold_against(self, other: Spot, side: Spot) -> None:
        if other in self._bearings[side]:
            return
        sort = bearing(self._claimants[other], self._claimants[side], self._day)
        self._bearings[side][other] = sort
        self._sorts[side][sort].append(other)

    def _others(self, disputed: Sequence[Spot]) -> Iterator[Spot]:
        """One rival of every sort: of those that contradict several sides, and for each side of those that contradict no other."""
        several = {one for a, b in combinations(disputed, 2) for one in self._bearings[a].keys() & self._bearings[b].keys()}
        passed = several | set(disputed)
        yield from {tuple(self._bearings[side].get(one) for side in disputed): one for one in several.difference(disputed)}.values()
        for side in disputed:
            alone = (next((one for one in sort if one not in passed), None) for sort in self._sorts[side].values())
            yield from (one for one in alone if one)
