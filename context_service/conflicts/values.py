"""The typed values of a sentence, each in one spelling: `30-day` is `30 days`, `€9.90` is `EUR 9.9`, two weeks are 14 days."""

from __future__ import annotations

import re
from decimal import Decimal

_CODE = r"(?:eur|usd|gbp|cad|aud|chf)"
VALUE = re.compile(
    rf"(?P<money>(?:\b{_CODE}|[€$£])\s?\d(?:[\d.,]*\d)?|\b\d[\d.,]*\s?(?:(?:{_CODE}|euros?)\b|[€$£]))"
    r"|(?P<percent>\b\d[\d.,]*\s?(?:%|percent\b|per cent\b))"
    r"|(?P<time>\b\d{1,2}(?::\d{2}(?:\s?[ap]m\b)?|\s?[ap]m\b))"
    r"|(?P<date>\b\d{4}-\d{2}-\d{2}\b)"
    r"|(?P<duration>\b\d+(?:[.,]\d+)?[\s-](?:(?:business|working|calendar)[\s-])?(?:second|minute|hour|day|week|month|year)s?\b)"
    r"|(?P<number>\b\d(?:[\d.,]*\d)?\b)",
    re.IGNORECASE,
)
"""Kinds of values, tried in this order."""

_LABEL = re.compile(
    r"(?:[^\W\d_]-"
    r"|\b(?i:no\.|article|chapter|class|clause|error|figure|generation|level|model|page|part|section|step|table|tier|version)\s"
    r"|\b[A-Z]{2,}\s"
    r"|\w\s(?!January|February|March|April|May|June|July|August|September|October|November|December)[A-Z]\w*\s)$"
)
"""What stands before a number that is part of a name: `TW-200`, `section 4`, `USB 3`, `the Hub 2`."""

_PLAIN = re.compile(r"(?P<whole>[1-9]\d{0,2}(?:[.,]\d{3})+|\d+)(?:[.,](?P<rest>\d+))?")
_CURRENCIES = {"€": "eur", "euro": "eur", "euros": "eur", "$": "usd", "£": "gbp"}
_UNITS = {
    "second": (1, "s"),
    "minute": (60, "s"),
    "hour": (3_600, "s"),
    "day": (86_400, "s"),
    "week": (604_800, "s"),
    "month": (1, "months"),
    "year": (12, "months"),
}
_LABEL_REACH = 24


def read_values(sentence: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """The values of a sentence as (kind, normal spelling) in order, and the sentence with blanks where they stood."""
    found = [match for match in VALUE.finditer(sentence) if not _is_name(sentence, match)]
    masked, position = [], 0
    for match in found:
        masked.append(sentence[position : match.start()])
        position = match.end()
    return tuple(_normal(match) for match in found), " ".join([*masked, sentence[position:]])


def _is_name(sentence: str, match: re.Match[str]) -> bool:
    return match.lastgroup == "number" and bool(_LABEL.search(sentence[max(0, match.start() - _LABEL_REACH) : match.start()]))


def _normal(match: re.Match[str]) -> tuple[str, str]:
    """A money value's kind names its currency: prices in two currencies do not contradict each other."""
    kind, text = match.lastgroup or "", match.group().casefold()
    if kind == "money":
        currency = re.sub(r"[\d.,\s]", "", text)
        return f"money {_CURRENCIES.get(currency, currency)}", _figure(text)
    if kind == "time":
        return kind, _time(text)
    if kind == "date":
        return kind, text
    return kind, _duration(text) if kind == "duration" else _figure(text)


def _figure(text: str) -> str:
    """`9.90`, `9,9` and `9.9` are one figure, `1,000` and `1000` too; what is no plain number, such as `1.2.3`, stays as it is."""
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    found = _PLAIN.fullmatch(digits)
    if not found:
        return digits
    whole, rest = re.sub(r"\D", "", found["whole"]).lstrip("0") or "0", (found["rest"] or "").rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _time(text: str) -> str:
    hour, _, minute = re.sub(r"[^\d:]", "", text).partition(":")
    half = 12 if text.endswith("pm") else 0
    hours = int(hour) % 12 + half if text.endswith("m") else int(hour)
    return f"{hours:02}:{minute or '00'}"


def _duration(text: str) -> str:
    amount, *words = re.split(r"[\s-]+", text)
    factor, unit = _UNITS[words[-1].removesuffix("s")]
    length = Decimal(_figure(amount)) * factor
    working = "working " if words[0] in ("business", "working") else ""
    return f"{length.normalize():f} {working}{unit}"
