"""For whom a text holds, seen from one customer's situation: yes, no, or not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from context_service.model.applicability import Applicability

ANY_OF = frozenset({"product"})
"""Attributes of which a customer may have several; one that fits is enough."""


class Match(StrEnum):
    """Whether a text holds for the customer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fit:
    """The match, and the attributes that would have to be known to tell."""

    match: Match
    unknown: tuple[str, ...] = ()


class Regions:
    """The company's region groups. A group covers its members and their members."""

    def __init__(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        self._groups = groups

    def expand(self, region: str) -> frozenset[str]:
        """The smallest regions that `region` covers: itself when it is no group, or a group without members.

        Groups that hold nothing but each other cover each other.
        """
        reached: set[str] = set()
        ahead = [region]
        while ahead:
            one = ahead.pop()
            if one not in reached:
                reached.add(one)
                ahead += self._groups.get(one, ())
        return frozenset(one for one in reached if not self._groups.get(one)) or frozenset(reached)


def conditions(applicability: Applicability, regions: Regions) -> dict[str, frozenset[str]]:
    """The conditions a text sets, by attribute, with region groups expanded so that sets can be compared."""
    found = applicability.conditions()
    if "region" in found:
        found["region"] = frozenset().union(*(regions.expand(region) for region in found["region"]))
    return found


def fit(needed: Mapping[str, frozenset[str]], known: Mapping[str, frozenset[str]]) -> Fit:
    """Hold a text's conditions against what is known of the situation.

    `known` maps an attribute to the values it may have; an attribute that is missing may have any. One condition that cannot hold
    settles it; otherwise one that may or may not hold leaves it open.
    """
    open_ends = []
    for attribute, values in needed.items():
        possible = known.get(attribute)
        if possible is None:
            open_ends.append(attribute)
        elif not possible & values:
            return Fit(Match.NO)
        elif attribute not in ANY_OF and not possible <= values:
            open_ends.append(attribute)
    return Fit(Match.UNKNOWN, tuple(open_ends)) if open_ends else Fit(Match.YES)
