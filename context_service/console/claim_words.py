"""Claims in the words of people: what is measured, and how much."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from context_service.console.words import count_of, day
from context_service.model.claim import Bound, TypedValue, ValueKind

MODALITIES = {"is": "says so", "is_not": "denies it", "may": "allows it", "must": "requires it", "must_not": "forbids it"}
VALUE_KINDS = {
    "money": "amount of money",
    "duration": "length of time",
    "date": "date",
    "time": "time of day",
    "percent": "share",
    "count": "number",
    "size": "size of data",
    "contact": "contact",
    "list": "list",
    "flag": "yes or no",
}
BOUNDS = {Bound.MOST: "at most ", Bound.LEAST: "at least ", Bound.EXACT: ""}
DURATIONS = {
    "second": ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")),
    "month": ((12, "year"), (1, "month")),
}
SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "byte"))


def value_kind(kind: str) -> str:
    """What a value measures: `length of time`."""
    return VALUE_KINDS[kind]


def value_words(value: TypedValue) -> str:
    """A value as people write it: `at most 30 days`."""
    return BOUNDS[value.bound] + _amount(value)


def _amount(value: TypedValue) -> str:
    size = Decimal(value.magnitude or 0)
    match value.kind:
        case ValueKind.DURATION:
            return _duration(size, value.unit or "second")
        case ValueKind.SIZE:
            step, unit = next(pair for pair in SIZES if not size % pair[0] or pair[0] == 1)
            return f"{_plain(size / step)} {unit}"
        case ValueKind.PERCENT:
            return f"{_plain(size)}%"
        case ValueKind.COUNT:
            return _plain(size)
        case ValueKind.LIST:
            return count_of(int(size), "item")
        case ValueKind.DATE:
            return _date(value.canonical)
    return value.canonical


def _duration(size: Decimal, unit: str) -> str:
    kind, _, base = unit.rpartition(" ")
    step, name = next(pair for pair in DURATIONS.get(base, ((1, base),)) if not size % pair[0] or pair[0] == 1)
    number = size / step
    return f"{_plain(number)} {kind + ' ' if kind else ''}{name}{'' if number == 1 else 's'}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"


def _date(canonical: str) -> str:
    try:
        return day(date.fromisoformat(canonical))
    except ValueError:
        return canonical
