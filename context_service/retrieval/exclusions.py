"""What was found and set aside, told without telling of anything the caller may not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from context_service.model.context import Excluded, ExcludedText
from context_service.retrieval.gate import Text

MAX_EXAMPLES = 5
"""Set-aside texts that are named; the rest is only counted."""


def exclusions(reasons: Mapping[str, str], texts: Mapping[str, Text], day: date) -> Excluded:
    """Count the chunks in `reasons` (chunk -> reason, best first) and name the first document of each reason and a few more."""
    examples: dict[str, ExcludedText] = {}
    for chunk, reason in _varied(reasons):
        text = texts[chunk]
        if text.revision.ref not in examples and len(examples) < MAX_EXAMPLES:
            examples[text.revision.ref] = ExcludedText(
                document=text.revision.ref,
                title=text.revision.title,
                citation=text.revision.url,
                reason=reason,
                because=_because(reason, text, day),
            )
    return Excluded(counts=dict(sorted(Counter(reasons.values()).items())), examples=tuple(examples.values()))


def _varied(reasons: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """One chunk of each reason first, then the rest."""
    seen: set[str] = set()
    later = []
    for chunk, reason in reasons.items():
        if reason in seen:
            later.append((chunk, reason))
        else:
            seen.add(reason)
            yield chunk, reason
    yield from later


def _because(reason: str, text: Text, day: date) -> str:
    governance = text.revision.governance
    match reason:
        case "not_applicable":
            return f"It holds only for {_spell(governance.applicability.conditions())}."
        case "not_effective":
            ends = governance.effective
            return f"On {day} it does not hold (from {ends.since or 'ever'} to {ends.until or 'further notice'})."
        case "superseded":
            return "A newer document declares that it replaces this one."
        case "due" | "stale" | "expired":
            return "Nobody has confirmed it for longer than its source promises."
        case "duplicate":
            return "Another source of higher standing says the same."
        case "conflict":
            return "What it says here lost against another source."
        case "withdrawn":
            return "Its owner has withdrawn it."
        case "draft":
            return "It is not finished yet."
    return "It did not fit."


def _spell(conditions: Mapping[str, frozenset[str]]) -> str:
    return "; ".join(f"{name} {', '.join(sorted(values))}" for name, values in sorted(conditions.items()))
