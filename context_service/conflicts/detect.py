"""Do two claims contradict each other? Pure comparison of what they say and of what stands around them.

Subject agreement is a gate, never a score: claims that hold for different plans, products or regions, or that name different models, are
not compared at all, and a word that only one of them has must be explained: by what its text applies to, by the other's headings, or as a
limit that makes it an exception. Two products' prices are no conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from context_service.conflicts.lists import edited_list
from context_service.conflicts.words import GENRES, LIGHT, content_words, weight
from context_service.model.applicability import Window
from context_service.model.claim import Bound, Claim, TypedValue, ValueKind
from context_service.model.rivalry import Passage, Relation, Rivalry, RivalryKind

MIN_SHARED = 1.0
"""Weight of the words that two claims must have in common."""

SURE = 3.0
"""From this common weight on, two claims are about the same thing whatever their headings say."""

MIN_DENIED = 1.5
"""Common weight that a denial needs where the words are all the same."""

NEAR = 0.75
"""Share of common words from which a claim that says more is about the same thing."""

CLOSE = 0.8
"""From this share on, a limiting word more does not make an exception."""

MIN_SIMILARITY = 0.5
"""Share of common words that an exception needs."""

SWAPPED = 8.0
"""Common words for each one that both sides have in place of the other's: long sentences tell the same story with one word replaced."""

WORKING_WEEK = Decimal(7) / 5
MONTH = Decimal(86_400) * Decimal("30.4")
SAME_LENGTH = Decimal("0.1")
"""Lengths of time in different units are the same when they differ by less than this share: one month is 30 days and 31."""


SHORTEST_LINE = 7
"""Digits of the shortest telephone number that is told from another by its end."""


@dataclass(frozen=True)
class Place:
    """What stands around the claims of a chunk: `names` the company's names in its headings by attribute, `conditions` what its document
    applies to, both with groups expanded; `explained` are stems that it may use because it applies to that, `title` those of its document's
    title that its text speaks of."""

    document: str
    names: Mapping[str, frozenset[str]]
    conditions: Mapping[str, frozenset[str]]
    explained: frozenset[str]
    effective: Window
    title: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Side:
    """A claim in its place; `scope` is what it holds for by attribute: what its text names, else its headings, else its document."""

    claim: Claim
    place: Place
    scope: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class _Match:
    """How much the subjects agree, and whether one side limits what the other says in general."""

    similarity: float
    limited: bool


def detect(left: Side, right: Side) -> Rivalry | None:
    """The rivalry between two claims; None when they agree, or are about different things. Symmetric."""
    if left.claim.id == right.claim.id or _apart(left, right):
        return None
    kind, match = _contradiction(left, right)
    if kind is None or match is None:
        return None
    internal = left.place.document == right.place.document
    if internal and (match.limited or not _same_section(left.claim, right.claim)):
        return None
    return Rivalry(
        left=_passage(left.claim),
        right=_passage(right.claim),
        kind=RivalryKind.INTERNAL if internal else kind,
        similarity=round(match.similarity, 4),
        relation=_relation(left, right, match),
    )


def title_rivals(claims: Iterable[Claim]) -> Iterator[Rivalry]:
    """A chunk's claims against the headings they stand under: a value in a heading that the text about just that replaces by another."""
    every = list(claims)
    body = [claim for claim in every if not claim.headline]
    for title in (claim for claim in every if claim.headline):
        about = [claim for claim in body if title.subject - LIGHT and title.subject <= claim.subject]
        said = {value.canonical for value in title.values}
        if any(said & {value.canonical for value in claim.values} for claim in about):
            continue
        for claim in about:
            if _differ(title.values, claim.values, strict=False):
                yield Rivalry(left=_passage(title), right=_passage(claim), kind=RivalryKind.INTERNAL, similarity=1.0)


def _passage(claim: Claim) -> Passage:
    return Passage(chunk=claim.chunk, start=claim.start, end=claim.end)


def _apart(left: Side, right: Side) -> bool:
    """Whether the two are about different things: by what they hold for, or by the models they name."""
    for a, b in ((left.claim.models, right.claim.models), (left.claim.label, right.claim.label)):
        if a and b and not a & b:
            return True
    if _refer_apart(left.claim, right.claim) or _siblings(left, right):
        return True
    return any(not left.scope[attribute] & right.scope[attribute] for attribute in left.scope.keys() & right.scope.keys())


def _refer_apart(a: Claim, b: Claim) -> bool:
    """Whether both speak of something by a pronoun, and not of the same: `The kettle is red. It costs EUR 20.`"""
    if not a.referent or not b.referent:
        return False
    # A sentence names what it is about before what it says of it.
    return a.referent[0] not in {*b.referent, *b.context, *b.subject} and b.referent[0] not in {*a.referent, *a.context, *a.subject}


def _siblings(left: Side, right: Side) -> bool:
    """Whether the documents are two of a series, such as `Warranty of the kettle` and `Warranty of the toaster`: each is about its own."""
    shared = (left.place.title & right.place.title) - GENRES
    own, others = (_own_title(one, other) for one, other in ((left, right), (right, left)))
    return bool(shared) and bool(own) and bool(others)


def _own_title(side: Side, other: Side) -> frozenset[str]:
    """Words of a title that tell it from the other one's, and that the other text does not say."""
    said = other.place.title | other.claim.subject | other.claim.context | side.place.explained | GENRES
    return side.place.title - said


def _same_section(a: Claim, b: Claim) -> bool:
    return a.context == b.context and a.subject == b.subject


def _relation(left: Side, right: Side, match: _Match) -> Relation:
    if not _overlap(left.place.effective, right.place.effective):
        return Relation.SUCCESSION
    if match.limited or left.place.conditions != right.place.conditions:
        return Relation.EXCEPTION
    return Relation.CONFLICT


def _overlap(a: Window, b: Window) -> bool:
    ends_before = a.until and b.since and a.until < b.since
    starts_after = a.since and b.until and b.until < a.since
    return not (ends_before or starts_after)


def _contradiction(left: Side, right: Side) -> tuple[RivalryKind | None, _Match | None]:
    a, b = left.claim, right.claim
    match = _match(left, right)
    if match and _denies(left, right):
        return RivalryKind.POLARITY, match
    if a.modality.negated != b.modality.negated:
        return None, None
    if match and _differ(a.values, b.values, strict=a.subject == b.subject):
        return RivalryKind.VALUE, match
    if (share := edited_list(a, b)) and (weight(a.subject & b.subject) >= SURE or _related(a, b)):
        return RivalryKind.ENUMERATION, _Match(share, limited=False)
    return None, None


def _match(left: Side, right: Side) -> _Match | None:
    """Whether two claims are about the same thing."""
    a, b = left.claim, right.claim
    shared = weight(a.subject & b.subject)
    extra_a, extra_b = _extra(left, right), _extra(right, left)
    if shared < MIN_SHARED or (shared < SURE and not _related(a, b)):
        return None
    similarity = shared / (shared + weight(extra_a) + weight(extra_b))
    if extra_a and extra_b:
        swapped = max(weight(extra_a), weight(extra_b))
        return _Match(similarity, limited=False) if shared >= SWAPPED * swapped else None
    extra, side = (extra_a, a) if extra_a else (extra_b, b)
    if not extra:
        return _Match(similarity, limited=False)
    if extra & _named(side) or (extra <= side.limits and similarity < CLOSE):
        return _Match(similarity, limited=True) if similarity >= MIN_SIMILARITY else None
    return _Match(similarity, limited=False) if similarity >= NEAR else None


def _extra(side: Side, other: Side) -> frozenset[str]:
    """Words that only this side has and that nothing explains."""
    explained = other.claim.context | side.place.explained
    return frozenset(word for word in side.claim.subject - other.claim.subject if word not in explained)


def _named(claim: Claim) -> frozenset[str]:
    return frozenset(word for values in claim.applies.values() for value in values for word in content_words(value))


def _related(a: Claim, b: Claim) -> bool:
    """Whether two short claims stand under headings that have something in common; a line alone says too little."""
    return bool((a.context & b.context) - LIGHT) or bool(a.context & b.subject) or bool(b.context & a.subject)


def _denies(left: Side, right: Side) -> bool:
    """Whether one claim denies what the other says, and not something beside it: nearly all words agree, the denied word is among them,
    and no limit is the other way."""
    a, b = left.claim, right.claim
    shared, extra = weight(a.subject & b.subject), weight(_extra(left, right)) + weight(_extra(right, left))
    opened = _unless(a) != _unless(b)
    opposite = {value.bound for value in (*a.values, *b.values)} >= {Bound.MOST, Bound.LEAST}
    one_sided = bool(a.condition or a.exception) != bool(b.condition or b.exception)
    enough = shared >= SURE or (shared >= MIN_DENIED and a.subject == b.subject)
    return enough and extra * 4 <= shared and _denied_alone(a, b) and not (opened or opposite or one_sided)


def _unless(claim: Claim) -> bool:
    return (claim.condition or "").casefold().startswith("unless")


def _denied_alone(a: Claim, b: Claim) -> bool:
    """Whether exactly one negation more stands in one of them, and the other says what it denies."""
    denying, plain = (a, b) if len(a.denied) > len(b.denied) else (b, a)
    more = list(denying.denied)
    for one in plain.denied:
        if one in more:
            more.remove(one)
    if len(denying.denied) - len(plain.denied) != 1 or len(more) != 1:
        return False
    return not more[0] or (more[0] in plain.subject and more[0] not in plain.denied)


def _differ(a: tuple[TypedValue, ...], b: tuple[TypedValue, ...], *, strict: bool) -> bool:
    """Whether values of one measure differ. Bare numbers count only when everything else is the same."""
    by_measure_a, by_measure_b = _by_measure(a, strict=strict), _by_measure(b, strict=strict)
    common = by_measure_a.keys() & by_measure_b.keys()
    if any(_unlike(by_measure_a[measure], by_measure_b[measure]) for measure in common):
        return True
    lengths = [_lengths(a), _lengths(b)]
    return not common and all(len(one) == 1 for one in lengths) and _far(lengths[0][0], lengths[1][0])


def _by_measure(values: tuple[TypedValue, ...], *, strict: bool) -> dict[str, list[TypedValue]]:
    found: dict[str, list[TypedValue]] = defaultdict(list)
    for value in values:
        if value.kind is not ValueKind.LIST and (strict or value.kind is not ValueKind.COUNT or value.unit):
            found[value.measure].append(value)
    return found


def _unlike(a: list[TypedValue], b: list[TypedValue]) -> bool:
    said_a, said_b = sorted(value.canonical for value in a), sorted(value.canonical for value in b)
    if len(a) != len(b):
        return not set(said_a) & set(said_b)
    if said_a != said_b:
        same = _SAME.get(a[0].measure, str.__eq__)
        return not all(same(one, other) for one, other in zip(said_a, said_b, strict=True))
    return any({one.bound, other.bound} == {Bound.MOST, Bound.LEAST} for one, other in zip(a, b, strict=True)) and len(a) == 1


def _same_day(a: str, b: str) -> bool:
    """Dates agree as far as both are told: `April 2020` holds `2020-04-08`."""
    parts = [one.split("-", 1) if one.startswith("-") else one.split("-") for one in (a, b)]
    if any(one.startswith("-") for one in (a, b)):
        return a[-5:] == b[-5:]
    return all(one == other for one, other in zip(*parts, strict=False))


def _same_line(a: str, b: str) -> bool:
    """A telephone number is one with its country's code and without: `+49 30 1234567` and `030 1234567`."""
    short, long = sorted((a.lstrip("0"), b.lstrip("0")), key=len)
    return len(short) >= SHORTEST_LINE and long.endswith(short)


_SAME: Mapping[str, Callable[[str, str], bool]] = {"date": _same_day, "contact phone": _same_line}
"""How values of a measure are held against each other where more than equality makes them the same."""


def _lengths(values: tuple[TypedValue, ...]) -> list[Decimal]:
    return [_seconds(value) for value in values if value.kind is ValueKind.DURATION and value.magnitude]


def _seconds(value: TypedValue) -> Decimal:
    working, _, unit = (value.unit or "").rpartition(" ")
    length = Decimal(value.magnitude or 0) * (MONTH if unit == "month" else 1)
    return length * (WORKING_WEEK if working else 1)


def _far(a: Decimal, b: Decimal) -> bool:
    return abs(a - b) > SAME_LENGTH * max(a, b)
