"""Whether the right text wins: the authority of the customer's country, the customer's product, and the version that holds on the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from benchmarks.quality.company import Company
from benchmarks.quality.corpora import PRODUCT, VERSIONED, Asked, editions
from benchmarks.quality.ladder import ranked
from benchmarks.quality.metrics import Ranked, measure


@dataclass(frozen=True)
class Won:
    """Share of the questions whose first item is of the right authority; share of items that are not for this customer; the ranking."""

    first: float
    wrong: float
    figures: dict[str, float]


def won(company: Company, every: Sequence[Asked], *, known: bool) -> dict[str, Won]:
    """By the authority that was asked. `known`: whether the service is told where the customer is."""
    groups: dict[str, list[tuple[Asked, Ranked, list[str]]]] = {}
    for asked in every:
        reply = company.ask(asked if known else asked.question)
        told = [item.chunk for item in reply.items]
        groups.setdefault(_right(asked), []).append((asked, ranked(company, asked, told), [company.keys[chunk] for chunk in told]))
    return {right: _won(right, rows) for right, rows in groups.items()}


def _won(right: str, rows: Sequence[tuple[Asked, Ranked, list[str]]]) -> Won:
    first = [bool(keys) and keys[0].startswith(right) for _, _, keys in rows]
    foreign = [key.startswith("australia/") and right != "australia/" for _, _, keys in rows for key in keys[:6]]
    return Won(sum(first) / len(rows), sum(foreign) / max(1, len(foreign)), measure([one for _, one, _ in rows]))


def _right(asked: Asked) -> str:
    return "australia/" if asked.known["region"] == "AU" else "who/"


@dataclass(frozen=True)
class Mixed:
    """Of the first six items: share of another product's policy, share that does not hold on the day; share of questions with either."""

    product: float
    version: float
    questions: float


def mixed(company: Company, every: Sequence[Asked], *, known: bool, first: bool = False) -> Mixed:
    """`known`: whether the service is told the customer's product. `first`: asked on the day after the first version of the policy."""
    product, version = [], []
    for asked in every:
        day = editions(policy_of(asked)) if first else None
        said = asked if known else replace(asked, attributes=())
        reply = company.ask(said, day=day[0] if day else None)
        keys = [company.keys[item.chunk] for item in reply.items[:6]]
        product.append([other_product(asked, key) for key in keys])
        version.append([other_version(key, day[0] if day else None) for key in keys])
    items = max(1, sum(map(len, product)))
    wrong = [any(a) or any(b) for a, b in zip(product, version, strict=True)]
    return Mixed(sum(map(sum, product)) / items, sum(map(sum, version)) / items, sum(wrong) / max(1, len(wrong)))


def policy_of(asked: Asked) -> str:
    """The policy that answers a question."""
    return next(name for name, today in VERSIONED.items() if today == asked.places[0].document)


def other_product(asked: Asked, key: str) -> bool:
    """Whether a document is the refund policy of a product that is not the customer's."""
    product = asked.known.get("product")
    return product is not None and PRODUCT.get(_today(key), product) != product


def other_version(key: str, day: date | None) -> bool:
    """Whether a document does not hold on a day, or today."""
    if day is None:
        return key.startswith("history/")
    older = sorted(edition for edition in editions(_policy(key)) if edition <= day)
    return not older or key != f"history/{_policy(key)}/{older[-1]}.md"


def _policy(key: str) -> str:
    if key.startswith("history/"):
        return key.split("/")[1]
    return next(name for name, today in VERSIONED.items() if today == key)


def _today(key: str) -> str:
    return VERSIONED[_policy(key)]
