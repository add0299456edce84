"""Real documents against copies of themselves in which sentences were contradicted by rule: what is found, and what is found besides.

Consecutive versions of real policies hold hardly any clean change of polarity, so recall for that kind cannot be taken from them. Here the
sentences are real and the changes are made: a verb is denied or its denial taken away, a word replaced by its opposite, a member of a list
dropped or replaced, a value changed. The rules that make the changes share nothing with those that find them. A copy holds many changes;
whatever is reported that is not one of them is a false alarm. The same seed makes the same copies.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.conflict_sets import FRONT, Collection, Pair, Version, found_between, parse, parsed, read, whole_sentences, words
from context_service.model.rivalry import Relation, RivalryKind

SEED = 20261120
FEWEST_WORDS = 6
"""Shorter sentences are headings and remains."""

SHARE = 0.5
"""Share of the sentences that can be contradicted which are, in one copy."""

Edit = Callable[[str, random.Random], str | None]
Rule = tuple[re.Pattern[str], str]


def _rules(*pairs: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern.replace("'", "['’]")), replacement) for pattern, replacement in pairs)


DENIALS = _rules(
    (r"\bcannot\b|\bcan't\b|\bcan not\b", "can"),
    (r"\bwon't\b", "will"),
    (r"\b(do|does|did)(?: not|n't)\b", r"\1"),
    (r"\b(may|must|will|should|shall|is|are|was|were|has been|have been) not\b(?! only)", r"\1"),
    (r"\b(is|are)n't\b", r"\1"),
    (r"\bnever\b", "always"),
)
ASSERTIONS = _rules(
    (r"\bmust\b", "must not"),
    (r"\bmay\b(?! \d)", "may not"),
    (r"\bcan\b", "cannot"),
    (r"\bcan\b", "can't"),
    (r"\b(will|should|shall)\b", r"\1 not"),
    (r"\b(is|are|was|were)\b", r"\1 not"),
    (r"\b(has|have) been\b", r"\1 not been"),
    (r"\b(?:allowed|permitted)\b(?! to)", "prohibited"),
    (r"\bavailable\b", "unavailable"),
    (r"\balways\b", "never"),
    (r"\b([Ww]e) (collect|share|sell|use|keep|store|delete|provide|offer|send|ask|process|allow|require)\b", r"\1 do not \2"),
    (r"\b([Yy]ou) (agree|own|get|need|have|pay|share|choose)\b", r"\1 do not \2"),
)
SUBORDINATE = re.compile(r"\b(?:if|when|unless|whether|that|which|who|because|while|where|until|how|what)\b[^,;:]*$", re.IGNORECASE)

VALUES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=\$)\d+",
        r"\b\d+(?=[ -](?:business |calendar )?(?:day|hour|minute|month|year|week|user|people|project|time|GB|MB|percent)s?\b)",
        r"\b\d+(?=%)",
        r"(?<=[a-z] )\d{1,2}(?=, \d{4}\b)",
    )
)
MAILBOX = re.compile(r"\b[\w.+-]+(?=@[\w-]+\.\w)")
MEMBERS = re.compile(r"(?<=, )(?:[\w'’-]+ ){0,2}[\w'’-]+(?=, (?:(?:[\w'’-]+ ){0,3}[\w'’-]+, )*(?:and |or ))")
OTHERS = ("sandcastles", "paper maps", "violin lessons", "glass bottles")
"""Members that no list of these documents has."""


def deny(sentence: str, draw: random.Random) -> str | None:
    """The sentence with its main verb denied, or no longer denied; None where no rule finds one."""
    for rules in (DENIALS, ASSERTIONS):
        every = ((match, new) for rule, new in rules for match in rule.finditer(sentence))
        if found := [(match, new) for match, new in every if _clean(sentence, match)]:
            match, new = draw.choice(found)
            return f"{sentence[: match.start()]}{match.expand(new)}{sentence[match.end() :]}"
    return None


def _clean(sentence: str, match: re.Match[str]) -> bool:
    """Whether a verb stands in a main clause, and is not denied besides."""
    return not SUBORDINATE.search(sentence[: match.start()]) and not re.match(r" (?:no|not|never|only)\b", sentence[match.end() :])


def change_list(sentence: str, draw: random.Random) -> str | None:
    """The sentence with one member of its list dropped or replaced; None where it has none between two others."""
    found = list(MEMBERS.finditer(sentence))
    if not found:
        return None
    match = draw.choice(found)
    if draw.random() < 0.5:
        return f"{sentence[: match.start()]}{sentence[match.end() + len(', ') :]}"
    return f"{sentence[: match.start()]}{draw.choice(OTHERS)}{sentence[match.end() :]}"


def change_value(sentence: str, draw: random.Random) -> str | None:
    """The sentence with one figure or mailbox changed; None where it has none."""
    found = [match for pattern in VALUES for match in pattern.finditer(sentence)]
    if found:
        match = draw.choice(found)
        return f"{sentence[: match.start()]}{int(match.group()) % 27 + 1}{sentence[match.end() :]}"
    mailbox = MAILBOX.search(sentence)
    return f"{sentence[: mailbox.start()]}other.desk{sentence[mailbox.end() :]}" if mailbox else None


EDITS: dict[RivalryKind, Edit] = {
    RivalryKind.VALUE: change_value,
    RivalryKind.POLARITY: deny,
    RivalryKind.ENUMERATION: change_list,
}


@dataclass(frozen=True)
class Outcome:
    """What was made and what was found, over some copies: `found` are the reports of each kind, `false` those that are no change made."""

    made: dict[RivalryKind, set[Pair]]
    recalled: dict[RivalryKind, set[Pair]]
    found: Counter[RivalryKind]
    right: Counter[RivalryKind]
    false: list[tuple[RivalryKind, Pair]]


def measure(collection: Collection) -> Outcome:
    """Every kind of change in copies of the first, the middle and the last version of every document."""
    outcome = Outcome({kind: set() for kind in EDITS}, {kind: set() for kind in EDITS}, Counter(), Counter(), [])
    for document in collection.documents():
        versions = collection.versions(document)
        for version in dict.fromkeys((versions[0], versions[len(versions) // 2], versions[-1])):
            for kind in EDITS:
                _compare(version, kind, outcome)
    return outcome


def _compare(version: Version, kind: RivalryKind, outcome: Outcome) -> None:
    text, made = perturbed(version, kind)
    outcome.made[kind] |= made
    original, copy = read(parsed(version), version.name), read(parse(version.path.name, text.encode()), f"{version.name} (copy)")
    seen = set()
    for found, relation, old, new in found_between(original, copy):
        pair = Pair(version.document, words(old), words(new))
        if relation is not Relation.CONFLICT or (found, pair) in seen:
            continue
        seen.add((found, pair))
        outcome.found[found] += 1
        if found is kind and (matches := {one for one in made if pair.within(one)}):
            outcome.right[found] += 1
            outcome.recalled[kind] |= matches
        else:
            outcome.false.append((found, pair))


def perturbed(version: Version, kind: RivalryKind) -> tuple[str, set[Pair]]:
    """A copy of a version with about half of the sentences changed that can be, and the changes."""
    draw = random.Random(f"{SEED} {version.name} {kind}")  # noqa: S311 - the same copies every time
    text = version.path.read_text()
    copy, made = text, set()
    for start, end in reversed(_sentences(text)):
        changed = EDITS[kind](text[start:end], draw)
        if changed is not None and words(changed) != words(text[start:end]) and draw.random() < SHARE:
            copy = f"{copy[:start]}{changed}{copy[end:]}"
            made.add(Pair(version.document, words(text[start:end]), words(changed)))
    return copy, made


def _sentences(text: str) -> list[tuple[int, int]]:
    front = FRONT.match(text.encode())
    body = len(front.group().decode()) if front else 0
    plain = ((start, end) for start, end in whole_sentences(text) if start >= body and text[start:end].rstrip("*_ ").endswith((".", "!")))
    return [(start, end) for start, end in plain if len(words(text[start:end])) >= FEWEST_WORDS]


def report(collection: Collection, outcome: Outcome) -> Iterator[str]:
    """The figures, a line each kind."""
    yield f"{collection.name}, perturbed: {sum(map(len, outcome.made.values()))} changed sentences"
    for kind in EDITS:
        made, recalled, found, right = len(outcome.made[kind]), len(outcome.recalled[kind]), outcome.found[kind], outcome.right[kind]
        shares = f"precision {right / found if found else 0:.3f}  recall {recalled / made if made else 0:.3f} of {made}"
        yield f"  {kind.value:<12} found {found:>4}  right {right:>4}  {shares}"
