"""Claims from text: one per sentence or list item, one per list as a whole, one per table cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from context_service.conflicts.lists import CUT, TOKEN, item_name, members
from context_service.conflicts.values import mask, read_values
from context_service.conflicts.words import FILLER, LIMIT, WORD, Vocabulary, content_stem, content_stems, content_words, plain
from context_service.model.base import digest
from context_service.model.claim import Claim, Modality, TypedValue, ValueKind
from context_service.text import sentences

ID_DIGITS = 15
"""Hexadecimal digits of a claim's number: 60 bits, which every database holds."""

NEGATION = re.compile(
    r"\b(?:(?<!or )(?<!whether or )not(?! only)|no longer|no(?!\.|\s?\d)|never|cannot|neither|nor|none"
    r"|(?:ca|wo|do|does|did|is|are|was|were|must|should|could|would|has|have|had|need)n't)\b"
    r"|\b(?:prohibit(?:ed|s)?|forbid(?:den|s)?|refuse[sd]?|decline[sd]?|unable|impossible|unavailable|ineligible|inaccessible|incompatible"
    r"|unsupported|unacceptable|unnecessary|non-?\w+able|exclude[sd]?|disallow(?:ed|s)?)\b",
    re.IGNORECASE,
)
_WITHOUT = re.compile(r"\b(?:without|disabled?|deactivated?|inactive|invalid)\b", re.IGNORECASE)
"""Words that deny a word, but not the sentence they stand in."""

_MODAL = re.compile(r"\b(?:required|obliged|permitted|allowed|entitled|able|needs?|ha(?:s|ve)) to\b", re.IGNORECASE)
"""What tells how a sentence is meant and nothing of what it is about, as `must` and `may` do."""

_DENIED = {
    "unable": "able",
    "impossible": "possible",
    "unavailable": "available",
    "ineligible": "eligible",
    "inaccessible": "accessible",
    "incompatible": "compatible",
    "unsupported": "supported",
    "unacceptable": "acceptable",
    "unnecessary": "necessary",
    "disable": "enable",
    "disabled": "enabled",
    "deactivate": "activate",
    "deactivated": "activated",
    "inactive": "active",
    "invalid": "valid",
    "exclude": "include",
    "excluded": "included",
    "excludes": "includes",
    "prohibit": "allow",
    "prohibited": "allow",
    "prohibits": "allow",
    "forbid": "allow",
    "forbidden": "allow",
    "forbids": "allow",
    "disallow": "allow",
    "disallowed": "allow",
    "disallows": "allow",
}
"""Words that deny another word."""

_MUST = re.compile(r"\b(?:must|shall|required to|have to|has to|need to|needs to|obliged to|mandatory)\b", re.IGNORECASE)
_MAY = re.compile(r"\b(?:may|can|could|might|allowed to|permitted to|entitled to|able to|optional(?:ly)?)\b", re.IGNORECASE)
_PERMITTED = re.compile(r"\b(?:need not|needn't|(?:not|n't) (?:required|have to|need to)|no need)\b", re.IGNORECASE)

_ASKS = re.compile(r".*\?|(?:how|what|where|which|who|why)(?:\s\S+){1,7}", re.IGNORECASE)
"""Questions, and short headings that stand for one: they deny nothing."""

_CONDITION = re.compile(r"\b(?:if|when|whenever|unless|provided|once|while|as long as|in case|only for|only in)\b", re.IGNORECASE)
_EXCEPTION = re.compile(r"\b(?:except|excluding|other than|apart from|with the exception of|but not)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:()]|\s-\s|—")
_MODEL = re.compile(r"\b(?:[A-Z]{2,}[-\s]?\d+\w*|[A-Z][a-z]\w*\s\d{1,4})\b(?![.,:%/-]\d)")
"""Names of models and editions: `TW-200`, `Hub 2`."""

_LIST_BREAK = re.compile(r",\s+(?:and\s+|or\s+)?|\s+(?:and|or)\s+|;\s+", re.IGNORECASE)
_STOPS = (".", "!", "?", ":", ";")
_DANGLING = re.compile(
    r"(?:,|\b(?:a|an|and|any|are|as|at|by|for|from|if|in|is|of|on|or|other|our|than|that|the|their|this|to|we|with|you|your))$",
    re.IGNORECASE,
)
"""How no sentence ends: what ends so was cut off."""

_REFERS = re.compile(r"(?:it|its|they|their|these|those)\b", re.IGNORECASE)
"""How a sentence starts that speaks of what the one before it spoke of."""

WRAPPED_WIDTH = 40
MIN_WRAPPED = 2
_ASIDE = re.compile(r"\([^()]*\)")
MIN_WORDS = 2
MAX_SENTENCE = 2_000
"""Characters of the longest sentence that is read: more is no statement, and reading it would take too long."""

MIN_ITEMS = 3
MAX_LINE_WORDS = 6
MAX_UNSTOPPED_WORDS = 8
"""A line of more words that no full stop ends was cut off somewhere; a list in it may be cut too."""

CELL_BREAK = " | "
_YES = re.compile(r"(?:yes|✓|✔|x|included|available)$", re.IGNORECASE)
_NO = re.compile(r"(?:no|✗|✘|–|-|not included|not available|none)$", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A chunk's text with what stands around it. `table_head` is the column names where the text is a table cut off from its head."""

    chunk: str
    document: str
    text: str
    title: str
    headings: tuple[str, ...] = ()
    table_head: str = ""


def extract(source: Source, vocabulary: Vocabulary) -> list[Claim]:
    """Every claim of a chunk, in the order of the text. Sentences that say too little to be compared give none."""
    return list(_Reader(source, vocabulary).claims())


@dataclass(frozen=True)
class _Line:
    start: int
    end: int
    text: str


class _Reader:
    def __init__(self, source: Source, vocabulary: Vocabulary) -> None:
        self._source = source
        self._vocabulary = vocabulary
        headings = [source.title, *source.headings]
        self._context = frozenset(word for heading in headings for word in content_words(heading))
        self._models = _models(" ; ".join(headings))

    def claims(self) -> Iterator[Claim]:
        yield from self._headlines()
        lead: tuple[_Line, ...] = ()
        columns: list[str] = self._source.table_head.split(CELL_BREAK) if self._source.table_head else []
        for block in _blocks(self._source.text):
            lead = lead if lead and block[0].start - lead[-1].end <= len("\n\n") else ()
            if _tabular(block):
                columns, rows = (columns, block) if self._source.table_head else (block[0].text.split(CELL_BREAK), block[1:])
                yield from (claim for row in rows for claim in self._row(columns, row))
                continue
            if listed := self._list(lead, block):
                yield listed
            for line in block:
                lead = _hang(lead, line)
                yield from self._sentences(line, lead)

    def _headlines(self) -> Iterator[Claim]:
        """What the title and the headings state in values, as claims of no length at the start of the text."""
        for number, heading in enumerate(dict.fromkeys([self._source.title, *self._source.headings])):
            if len(heading) <= MAX_SENTENCE and read_values(plain(heading)):
                claim = self._sentence(heading, 0, frozenset())
                yield claim.model_copy(update={"id": self._id(0, 0, -number - 1), "start": 0, "end": 0})

    def _sentences(self, line: _Line, lead: Sequence[_Line]) -> Iterator[Claim]:
        above = frozenset(word for one in lead if one is not line for word in content_words(one.text))
        before = self._source.headings[-1] if self._source.headings else self._source.title
        for start, end in sentences(line.text):
            sentence = line.text[start:end]
            if len(sentence) <= MAX_SENTENCE and not _DANGLING.search(sentence):
                claim = self._sentence(sentence, line.start + start, above)
                if len(claim.subject) + len(claim.values) >= MIN_WORDS:
                    yield claim.model_copy(update={"referent": tuple(content_stems(before))}) if _REFERS.match(sentence) else claim
            # A chain of pronouns refers to what its first one does.
            before = before if _REFERS.match(sentence) else sentence

    def _sentence(self, sentence: str, start: int, above: frozenset[str]) -> Claim:
        text = " ".join(plain(sentence).split())
        found = read_values(text)
        masked = mask(text, found)
        core = _without_aside(masked)
        condition, exception = _clause(core, _CONDITION), _clause(core, _EXCEPTION)
        main = core.replace(condition or "\0", " ").replace(exception or "\0", " ")
        whole, asks = _is_whole(text, start), bool(_ASKS.fullmatch(text))
        signature = " ".join([*TOKEN.findall(masked.casefold()), *([] if whole else [CUT])])
        items = members(signature) if whole else frozenset[str]()
        return Claim(
            id=self._id(start, start + len(sentence)),
            chunk=self._source.chunk,
            document=self._source.document,
            start=start,
            end=start + len(sentence),
            subject=_subject(core),
            label=_label(text),
            values=(*(one.value for one in found), *_listed(items)),
            modality=Modality.IS if asks else _modality(main),
            denied=() if asks else _denied(core),
            condition=condition,
            exception=exception,
            limits=_limits(core),
            context=self._context | above,
            applies=self._vocabulary.mentioned(text),
            models=_models(masked) or self._models,
            items=items,
            signature=signature,
        )

    def _list(self, lead: Sequence[_Line], block: Sequence[_Line]) -> Claim | None:
        """A list of short lines under a line that ends with a colon, as one claim from that line to the last item."""
        items = frozenset(name for line in block if (name := item_name(WORD.findall(_ASIDE.sub(" ", plain(line.text))))))
        short = all(len(WORD.findall(line.text)) <= MAX_LINE_WORDS and not line.text.endswith((".", ":", "?", "!")) for line in block)
        if not lead or not short or len(items) < MIN_ITEMS:
            return None
        head = lead[-1]
        first, last = sentences(head.text)[-1]
        if last - first > MAX_SENTENCE:
            return None
        words = tuple(WORD.findall(plain(head.text[first:last]).casefold()))
        base = self._sentence(head.text[first:last], head.start + first, frozenset())
        update = {"id": self._id(base.start, block[-1].end), "end": block[-1].end, "values": _listed(items), "lead": words, "items": items}
        return base.model_copy(update=update)

    def _row(self, columns: Sequence[str], row: _Line) -> Iterator[Claim]:
        cells = row.text.split(CELL_BREAK)
        if len(cells) != len(columns) or len(cells) < 2:
            return
        position = row.start + len(cells[0]) + len(CELL_BREAK)
        for column, cell in zip(columns[1:], cells[1:], strict=True):
            if cell.strip() and len(cells[0]) + len(column) + len(cell) <= MAX_SENTENCE:
                yield self._cell(cells[0], column, cell, position, row)
            position += len(cell) + len(CELL_BREAK)

    def _cell(self, header: str, column: str, cell: str, start: int, row: _Line) -> Claim:
        flag = "yes" if _YES.match(cell.strip()) else "no" if _NO.match(cell.strip()) else None
        found = [] if flag else read_values(plain(cell))
        values = (TypedValue(kind=ValueKind.FLAG, canonical=flag),) if flag else tuple(one.value for one in found)
        text = plain(f"{header} {column}")
        rest = "" if flag else WORD.sub(lambda word: word.group(), mask(plain(cell), found))
        return Claim(
            id=self._id(start, start + len(cell), row.start),
            chunk=self._source.chunk,
            document=self._source.document,
            start=start,
            end=start + len(cell),
            subject=content_words(text) | _subject(rest),
            label=content_words(column),
            values=values,
            context=self._context,
            applies=self._vocabulary.mentioned(text),
            models=_models(text) or self._models,
            signature=" ".join(["cell", *WORD.findall(f"{text} {rest}".casefold())]),
        )

    def _id(self, start: int, end: int, row: int = 0) -> int:
        return int(digest(self._source.chunk, f"{start}:{end}:{row}", length=ID_DIGITS), 16)


def _is_whole(sentence: str, start: int) -> bool:
    """Whether nothing speaks for a sentence that was cut at its end, or with the text at its start."""
    begun = start > 0 or not sentence[0].islower()
    return begun and (sentence.endswith(_STOPS) or len(sentence.split()) <= MAX_UNSTOPPED_WORDS)


def _listed(items: frozenset[str]) -> tuple[TypedValue, ...]:
    """A list as a value: its members; none where there are none."""
    return (TypedValue(kind=ValueKind.LIST, canonical="; ".join(sorted(items)), magnitude=str(len(items))),) if items else ()


def _blocks(text: str) -> Iterator[list[_Line]]:
    """Runs of lines without an empty one between them, sentences that an empty line broke put together again."""
    lines = list(_lines(text))
    parted = [text.count("\n", line.end, following.start) > 1 for line, following in pairwise(lines)]
    broken = _is_broken([pair for pair, apart in zip(pairwise(lines), parted, strict=True) if apart])
    block = lines[:1]
    for line, apart in zip(lines[1:], parted, strict=True):
        if apart and not _goes_on(block[-1], line) and not (broken and _is_unfinished(block[-1])):
            yield _unwrapped(block)
            block = []
        block.append(line)
    if block:
        yield _unwrapped(block)


def _lines(text: str) -> Iterator[_Line]:
    position = 0
    for raw in text.split("\n"):
        if line := raw.strip():
            start = position + raw.index(line)
            yield _Line(start, start + len(line), line)
        position += len(raw) + 1


def _unwrapped(block: list[_Line]) -> list[_Line]:
    """The lines of a block, those joined that somebody broke at a fixed width: sentences go on over such a break."""
    going_on = [_goes_on(line, following) for line, following in pairwise(block)]
    wrapped = len(going_on) >= MIN_WRAPPED and 2 * sum(going_on) >= len(going_on)
    joined = block[:1]
    for line, goes_on in zip(block[1:], going_on, strict=True):
        last = joined[-1]
        if goes_on or (wrapped and not last.text.endswith(_STOPS)):
            gap = " " * (line.start - last.end)
            joined[-1] = _Line(last.start, line.end, f"{last.text}{gap}{line.text}")
        else:
            joined.append(line)
    return joined


def _is_broken(pairs: Sequence[tuple[_Line, _Line]]) -> bool:
    """Whether a text is in pieces: most of its lines that no full stop ends go on in the middle of a sentence."""
    going_on = [following.text[0].islower() for line, following in pairs if _is_unfinished(line)]
    return len(going_on) >= MIN_WRAPPED and 2 * sum(going_on) >= len(going_on)


def _goes_on(line: _Line, following: _Line) -> bool:
    return (_is_unfinished(line) or line.text.endswith(",")) and following.text[0].islower()


def _is_unfinished(line: _Line) -> bool:
    return len(line.text) >= WRAPPED_WIDTH and not line.text.endswith(_STOPS) and CELL_BREAK not in line.text


def _tabular(block: Sequence[_Line]) -> bool:
    return all(CELL_BREAK in line.text for line in block)


def _hang(lead: tuple[_Line, ...], line: _Line) -> tuple[_Line, ...]:
    """The lines that a following one hangs under: the last that ended with a colon, and the one above it where both did in turn."""
    if line.text.endswith(":"):
        return (*lead[:1], line) if lead and line.start - lead[-1].end <= 2 else (line,)
    return lead


def _subject(masked: str) -> frozenset[str]:
    kept = (content_stem(word) for word in _affirmative(masked))
    return frozenset(word for word in kept if word)


_NON = re.compile(r"^non-?(?=\w+able$)")
_WORD = re.compile(rf"non-\w+able|{WORD.pattern}")
_MASK = re.compile(r"⟨[^⟩]*⟩")


def _without_aside(masked: str) -> str:
    """The sentence without a closing aside that adds neither value nor condition, such as `, no questions asked`."""
    head, comma, aside = masked.rpartition(",")
    if not comma or "⟨" in aside or "⟨" not in head or _LIST_BREAK.search(aside.strip()) or LIMIT.search(aside):
        return masked
    return head


def _clause(text: str, opener: re.Pattern[str]) -> str | None:
    """From the first opening word to the end of its clause."""
    found = opener.search(text)
    if not found:
        return None
    end = _CLAUSE_END.search(text, found.end())
    return text[found.start() : end.start() if end else len(text)].strip()


def _limits(masked: str) -> frozenset[str]:
    """Words that stand in a limiting phrase: after `for`, `if`, `in`, up to the end of the clause."""
    found: set[str] = set()
    for clause in _CLAUSE_END.split(masked):
        opened = LIMIT.search(clause)
        if opened:
            found |= _subject(clause[opened.end() :])
    return frozenset(found)


def _modality(main: str) -> Modality:
    if _PERMITTED.search(main):
        return Modality.MAY
    negated = NEGATION.search(main)
    if _MUST.search(main) or _MAY.search(main):
        firm = Modality.MUST if _MUST.search(main) else Modality.MAY
        return Modality.MUST_NOT if negated else firm
    return Modality.IS_NOT if negated else Modality.IS


def _denied(core: str) -> tuple[str, ...]:
    """For each negation the stem it denies: its own, or the next word's that tells something; in order, repeats kept."""
    text = _MODAL.sub(" ", _MASK.sub(" ", core))
    found = sorted([*NEGATION.finditer(text), *_WITHOUT.finditer(text)], key=lambda match: match.start())
    return tuple(_denied_stem(text, match) for match in found)


def _denied_stem(core: str, negation: re.Match[str]) -> str:
    own = _affirmed(negation.group().casefold())
    ahead = (own,) if own != negation.group().casefold() else _affirmative(core[negation.end() :])
    return next((kept for word in ahead if (kept := content_stem(word))), "")


def _affirmative(masked: str) -> Iterator[str]:
    """The words of a text without its negations, those that deny another word as that word."""
    for word in _WORD.findall(_MODAL.sub(" ", _MASK.sub(" ", masked)).casefold()):
        affirmed = _affirmed(word)
        if affirmed != word or not NEGATION.fullmatch(word):
            yield affirmed


def _affirmed(word: str) -> str:
    return _DENIED.get(word) or _NON.sub("", word)


def _label(text: str) -> frozenset[str]:
    """Words of a label before a colon: `Response: 24 hours`."""
    label, colon, _ = text.partition(": ")
    return content_words(label) if colon and len(label.split()) <= MAX_LINE_WORDS else frozenset()


def _models(text: str) -> frozenset[str]:
    return frozenset(" ".join(name.casefold().split()) for name in _MODEL.findall(text) if name.split()[0].casefold() not in FILLER)
