"""The typed values of a sentence, each in one spelling: `30-day` is `30 days`, `€9.90` is `EUR 9.9`, two weeks are 14 days."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from context_service.conflicts.words import LIMIT
from context_service.model.claim import Bound, TypedValue, ValueKind
from context_service.text import stem

_SMALL = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_NUMBER_WORDS = {word: number for number, word in enumerate(_SMALL.split(), start=1)}
_NUMBER_WORDS |= {word: 10 * tens for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_NUMBER_WORD = rf"(?:{'|'.join(sorted([*_NUMBER_WORDS, *_SCALES], key=len, reverse=True))})"
_SPELLED = rf"(?:{_NUMBER_WORD}(?:[\s-]{_NUMBER_WORD})*)"
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?"
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "us$": "USD", "c$": "CAD", "a$": "AUD"}
_CURRENCY_WORDS = {"euro": "EUR", "dollar": "USD", "pound": "GBP", "franc": "CHF", "yen": "JPY", "buck": "USD"}
_CODE = r"(?:eur|usd|gbp|cad|aud|chf|jpy|sek|nok|dkk|pln|inr|nzd|us\$|c\$|a\$)"
_UNITS = {
    "second": (1, "second"),
    "sec": (1, "second"),
    "minute": (60, "second"),
    "min": (60, "second"),
    "hour": (3_600, "second"),
    "hr": (3_600, "second"),
    "day": (86_400, "second"),
    "week": (604_800, "second"),
    "month": (1, "month"),
    "quarter": (3, "month"),
    "year": (12, "month"),
}
_MEASURES = {
    "mm": ("0.001", "metre"),
    "millimeter": ("0.001", "metre"),
    "cm": ("0.01", "metre"),
    "centimeter": ("0.01", "metre"),
    "m": ("1", "metre"),
    "meter": ("1", "metre"),
    "km": ("1000", "metre"),
    "kilometer": ("1000", "metre"),
    "inch": ("0.0254", "metre"),
    "foot": ("0.3048", "metre"),
    "feet": ("0.3048", "metre"),
    "ft": ("0.3048", "metre"),
    "mile": ("1609.344", "metre"),
    "g": ("1", "gram"),
    "gram": ("1", "gram"),
    "kg": ("1000", "gram"),
    "kilogram": ("1000", "gram"),
    "lb": ("453.59237", "gram"),
    "pound": ("453.59237", "gram"),
    "oz": ("28.349523125", "gram"),
    "ounce": ("28.349523125", "gram"),
    "ml": ("0.001", "litre"),
    "l": ("1", "litre"),
    "liter": ("1", "litre"),
    "w": ("1", "watt"),
    "watt": ("1", "watt"),
    "kw": ("1000", "watt"),
    "wh": ("1", "watt hour"),
    "kwh": ("1000", "watt hour"),
    "mah": ("1", "milliampere hour"),
    "v": ("1", "volt"),
    "volt": ("1", "volt"),
    "mbps": ("1000000", "bit per second"),
    "gbps": ("1000000000", "bit per second"),
    "mbit/s": ("1000000", "bit per second"),
    "gbit/s": ("1000000000", "bit per second"),
}
"""Sizes of things in the unit they are compared in. `lbs` and `metres` are read as `lb` and `meter`; `pounds` are money before they are."""

_BYTES = {prefix: 1_000**power for power, prefix in enumerate(("", "k", "m", "g", "t", "p"))}

_DIGITS = r"\d(?:[\d.,]*\d)?"
_AMOUNT = rf"(?:{_SPELLED}(?:\s\({_DIGITS}\))?|{_DIGITS}(?:\s(?:thousand|million|billion)\b)?)"
VALUE = re.compile(
    r"(?P<contact>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|\bhttps?://[^\s<>()\[\]\"']*[^\s<>()\[\]\"'.,;:!?]"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|org|net|io|eu|de|fr|uk|app|dev|gov|edu|example)\b(?:/[^\s<>()\[\]\"']*[^\s<>()\[\]\"'.,;:!?])?"
    r"|(?-i:\b\d{1,5}\s(?:[A-Z][\w.]*,?\s){2,12}?(?:\d{1,6},\s(?:[A-Z]\w*,?\s){1,4})?[A-Z]{2}\s\d{5}\b)"
    r"|(?<![\w.])(?:\+|00)\d[\d\s()/.-]{6,}\d|(?:\b1[\s.-])?\(?\b\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b"
    r"|\(?\b(?=0(?:\D{0,2}\d){8})0\d{1,4}\)?(?:[\s/-]\d{2,8}){1,4}\b)"
    rf"|(?P<money>(?:\b{_CODE}|[€$£¥])\s?{_DIGITS}|\b{_AMOUNT}"
    rf"\s?(?:(?i:{_CODE}|euros?|dollars?|pounds?|francs?|yen|bucks?)\b|[€£¥]|\$(?!\d)))"
    rf"|(?P<percent>\b{_AMOUNT}\s?(?:%|(?i:percent|per cent)\b))"
    r"|(?P<time>\b\d{1,2}:\d{2}(?:\s?[ap]\.?m\b)?|\b\d{1,2}\.\d{2}\s?[ap]\.?m\b|\b\d{1,2}\s?[ap]\.?m\b|\b(?i:noon|midnight)\b)"
    rf"|(?P<date>(?:\b{_WEEKDAY},?\s)?(?:\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?\b(?!:)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?\b|\b(?!may\s){_MONTH}\s\d{{4}}\b"
    r"|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b))"
    rf"|(?P<duration>\b{_AMOUNT}[\s-](?:(?i:business|working|calendar|full|consecutive)[\s-])?"
    r"(?i:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|quarters?|years?)\b"
    r"|(?:(?<=\bwithin\s)|(?<=\bafter\s)|(?<=\bfor\s)|(?<=\bleast\s)|(?<=\bthan\s))an?\s(?i:minute|hour|day|week|month|quarter|year)\b)"
    rf"|(?P<size>\b{_DIGITS}\s?(?i:[kmgtp]i?b|bytes?|kilobytes?|megabytes?|gigabytes?|terabytes?)\b)"
    rf"|(?P<measure>\b{_DIGITS}[\s-]?(?i:{'|'.join(sorted((f'{re.escape(unit)}(?:e?s)?' for unit in _MEASURES), key=len, reverse=True))}"
    r"|metres?|litres?|centimetres?|millimetres?|kilometres?)(?![\w/]))"
    rf"|(?P<count>\b(?:(?!one\s(?!hundred|thousand)){_SPELLED}(?=\s[^\W\d])(?:\s\({_DIGITS}\))?"
    rf"|{_DIGITS}(?:\s(?:thousand|million|billion)\b)?)\b(?!-?[^\W\d]|/))",
    re.IGNORECASE,
)
"""Kinds of values, tried in this order."""

_LABEL = re.compile(
    r"(?:[^\W\d_]-|[#/_]|\w\.|\w\("
    r"|\b(?i:no\.|article|appendix|annex|chapter|class|clause|error|exhibit|figure|generation|level|line|model|page|part|phase|section"
    r"|step|suite|table|tier|title|type|version|release|windows|ios|android)\s"
    r"|\b[A-Z]{2,}\s"
    rf"|(?!(?i:{_MONTH})\s)\b[A-Z]\w*\s)$"
)
"""What stands before a number that is part of a name or a numbering: `TW-200`, `section 4`, `USB 3`, `the Hub 2`, `3. You must`."""

_NUMBERING = re.compile(r"\.(?=\s)|\)")
_FIGURES = frozenset("0123456789.,-")
_REFERENCE = re.compile(r"\d+(?:\.\d+){2,}(?<!\.\d{3})|\d+-\d{4,}|\d+(?:-\d+){2,}")
"""A version or the number of an order: `5.1.2`, `88-204417`."""

_PLAIN = re.compile(r"(?P<whole>[1-9]\d{0,2}(?:[.,]\d{3})+|\d+)(?:[.,](?P<rest>\d+))?")
_NOUN = re.compile(
    r"\s(?:(?:additional|different|free|more|other|extra|further|new|of|the|our|your)\s)*(?!and\b|are\b|but\b|for\b|can\b)([^\W\d_]{3,})",
    re.I,
)
_MOST = re.compile(
    r"\b(?:up to|at most|no more than|not more than|no later than|within|before|until|by|maximum(?: of)?|max\.?|less than"
    r"|fewer than)\s(?:the\s)?$",
    re.I,
)
_LEAST = re.compile(
    r"\b(?:at least|no less than|not less than|minimum(?: of)?|min\.?|more than|over|beyond|after|no fewer than|from|older than)\s$", re.I
)
_LEAST_AFTER = re.compile(r"\s(?:or more|and more|or longer|minimum)\b|\+", re.I)
_REACH = 24


@dataclass(frozen=True)
class Found:
    """A value and where it stands in the sentence."""

    start: int
    end: int
    value: TypedValue


def read_values(sentence: str) -> list[Found]:
    """The values of a sentence in order. Numbers that belong to a name (`the Hub 2`) are none."""
    matches = (match for match in VALUE.finditer(sentence) if not _is_name(sentence, match))
    return [
        Found(match.start(), match.end(), _bounded(sentence, match, _READERS[match.lastgroup or ""](sentence, match))) for match in matches
    ]


def mask(sentence: str, found: Sequence[Found]) -> str:
    """The sentence with the measure of each value in its place."""
    parts, position = [], 0
    for one in found:
        parts += [sentence[position : one.start], f" ⟨{one.value.measure}⟩ "]
        position = one.end
    return "".join([*parts, sentence[position:]])


def _is_name(sentence: str, match: re.Match[str]) -> bool:
    if match.lastgroup != "count":
        return False
    if _REFERENCE.fullmatch(_token(sentence, match)):
        return True
    before = sentence[max(0, match.start() - _REACH) : match.start()]
    numbering = not before.strip("( ") and _NUMBERING.match(sentence, match.end())
    return bool(numbering or _LABEL.search(before))


def _token(sentence: str, match: re.Match[str]) -> str:
    """The figures and marks in a row that a number stands in."""
    start = next((at + 1 for at in range(match.start() - 1, -1, -1) if sentence[at] not in _FIGURES), 0)
    end = next((at for at in range(match.end(), len(sentence)) if sentence[at] not in _FIGURES), len(sentence))
    return sentence[start:end].strip(".,-")


def _bounded(sentence: str, match: re.Match[str], value: TypedValue) -> TypedValue:
    if value.kind in (ValueKind.CONTACT, ValueKind.DATE, ValueKind.TIME):
        return value
    before = sentence[max(0, match.start() - _REACH) : match.start()]
    if _MOST.search(before):
        return value.model_copy(update={"bound": Bound.MOST})
    least = _LEAST.search(before) or _LEAST_AFTER.match(sentence, match.end())
    return value.model_copy(update={"bound": Bound.LEAST}) if least else value


def _money(_: str, match: re.Match[str]) -> TypedValue:
    text = match.group().casefold()
    mark = re.sub(r"[\d.,\s()]", "", text)
    word = next((code for word, code in _CURRENCY_WORDS.items() if word in mark), None)
    unit = word or _SYMBOLS.get(mark) or mark.upper()
    return _sized(ValueKind.MONEY, _number(text), unit)


def _percent(_: str, match: re.Match[str]) -> TypedValue:
    return _sized(ValueKind.PERCENT, _number(match.group().casefold()), None)


def _size(_: str, match: re.Match[str]) -> TypedValue:
    text = match.group().casefold()
    prefix = re.sub(r"[\d.,\s]", "", text)[0].replace("b", "")
    return _sized(ValueKind.SIZE, _number(text) * _BYTES[prefix], "byte")


def _measure(_: str, match: re.Match[str]) -> TypedValue:
    text = match.group().casefold()
    unit = re.sub(r"^[\d.,\s-]+", "", text).replace("metre", "meter").replace("litre", "liter")
    factor, base = _MEASURES.get(unit) or _MEASURES.get(unit.removesuffix("s")) or _MEASURES[unit.removesuffix("es")]
    return _sized(ValueKind.SIZE, _number(text) * Decimal(factor), base)


def _duration(_: str, match: re.Match[str]) -> TypedValue:
    text = match.group().casefold()
    words = [word for word in re.split(r"[\s-]+", text) if word]
    factor, unit = _UNITS[words[-1].removesuffix("s")]
    working = "working " if words[-2] in ("business", "working") else ""
    return _sized(ValueKind.DURATION, _number(text) * factor, f"{working}{unit}")


def _count(sentence: str, match: re.Match[str]) -> TypedValue:
    noun = _NOUN.match(sentence, match.end())
    counted = noun[1].casefold() if noun else ""
    unit = stem(counted) if counted and not LIMIT.fullmatch(counted) else None
    return _sized(ValueKind.COUNT, _number(match.group().casefold()), unit)


def _time(_: str, match: re.Match[str]) -> TypedValue:
    text = re.sub(r"(?<=\d)\.(?=\d)", ":", match.group().casefold()).replace(".", "")
    named = {"noon": "12:00", "midnight": "00:00"}.get(text)
    hour, _sep, rest = re.sub(r"[^\d:]", "", text).partition(":")
    half = 12 if text.endswith("pm") else 0
    hours = 0 if named else int(hour) % 12 + half if text.endswith("m") else int(hour)
    return TypedValue(kind=ValueKind.TIME, canonical=named or f"{hours:02}:{rest or '00'}")


def _date(_: str, match: re.Match[str]) -> TypedValue:
    """As ISO where day, month and year are told; a missing year or day stays away, and `1/2/2021` as it is: it has two readings, so it is
    held against dates in the same writing alone."""
    text = re.sub(rf"^{_WEEKDAY},?\s", "", match.group().casefold())
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return TypedValue(kind=ValueKind.DATE, canonical=text)
    if re.fullmatch(r"[\d./]+", text):
        return _numeric_date(text)
    month = next(number for name, number in _MONTHS.items() if re.search(rf"\b{name}", text))
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    year = next((number for number in numbers if number > 31), None)
    day = next((number for number in numbers if number <= 31), None)
    return TypedValue(kind=ValueKind.DATE, canonical=_iso(year, month, day))


def _numeric_date(text: str) -> TypedValue:
    first, second, year = (int(part) for part in re.split(r"[./]", text))
    day, month = (first, second) if "." in text or first > 12 else (second, first)
    if "." not in text and max(first, second) <= 12 and first != second:
        return TypedValue(kind=ValueKind.DATE, canonical=text, unit="as written")
    return TypedValue(kind=ValueKind.DATE, canonical=_iso(year, month, day))


def _iso(year: int | None, month: int, day: int | None) -> str:
    known = (f"{year:04}" if year else "-", f"{month:02}", f"{day:02}" if day else "")
    return "-".join(part for part in known if part)


def _contact(_: str, match: re.Match[str]) -> TypedValue:
    """A way to reach somebody: e-mail, address of a page or a house, telephone number. They do not contradict each other across sorts."""
    text = match.group().casefold().strip()
    if "@" in text:
        return TypedValue(kind=ValueKind.CONTACT, canonical=text, unit="e-mail")
    if re.fullmatch(r"[\d\s()/.+-]+", text):
        return TypedValue(kind=ValueKind.CONTACT, canonical=re.sub(r"^00|\D", "", text), unit="phone")
    if re.search(r"\s", text):
        return TypedValue(kind=ValueKind.CONTACT, canonical=" ".join(re.findall(r"\w+", text)), unit="address")
    return TypedValue(kind=ValueKind.CONTACT, canonical=re.sub(r"^https?://(?:www\.)?", "", text).rstrip("/"), unit="url")


_READERS: dict[str, Callable[[str, re.Match[str]], TypedValue]] = {
    "money": _money,
    "percent": _percent,
    "time": _time,
    "date": _date,
    "duration": _duration,
    "size": _size,
    "measure": _measure,
    "count": _count,
    "contact": _contact,
}


def _sized(kind: ValueKind, amount: Decimal, unit: str | None) -> TypedValue:
    magnitude = f"{amount.normalize():f}"
    return TypedValue(kind=kind, canonical=f"{magnitude} {unit}" if unit else magnitude, magnitude=magnitude, unit=unit)


def _number(text: str) -> Decimal:
    """`9.90`, `9,9` and `9.9` are one figure, `1,000` and `1000` too, and so are `thirty`, `thirty (30)` and `30`; `a month` is one."""
    digits = re.search(_DIGITS, text)
    if digits is None:
        return _spelled(re.findall(_NUMBER_WORD, text)) or Decimal(1)
    scale = next((size for word, size in _SCALES.items() if word in text), 1)
    found = _PLAIN.fullmatch(digits.group())
    if not found:
        return Decimal(re.sub(r"\D", "", digits.group()))
    return Decimal(f"{re.sub(r'[.,]', '', found['whole'])}.{found['rest'] or 0}") * scale


def _spelled(words: Sequence[str]) -> Decimal:
    total = 0
    for word in words:
        total = max(total, 1) * _SCALES[word] if word in _SCALES else total + _NUMBER_WORDS[word]
    return Decimal(total)
