"""The model's terms in the words of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from context_service.model.access import Access
from context_service.model.applicability import Applicability, Window
from context_service.model.base import Names
from context_service.model.conflict import Ruling, RulingOutcome, RulingScope
from context_service.model.schedule import Delivery
from context_service.model.source import Promise

DECISIONS = {
    "answer": ("Answer", "An agent can answer from the texts below."),
    "needs_information": ("Ask first", "The answer depends on something about the customer that is not known yet."),
    "conflicted": ("Sources disagree", "No rule decides between the sources; an agent should not pick a side."),
    "insufficient": ("Not enough to answer", "Nothing that may be told answers this question."),
}
"""Decision -> headline, and what it means for an agent."""

RULES = {
    "status": "Editorial status",
    "effective_window": "Dates in force",
    "ruling": "An owner’s ruling",
    "specificity": "The text for the narrower group",
    "authority": "Authority of the source",
    "supersedes": "A declared replacement",
    "recency": "The later text",
    "duplicate": "The same text twice",
    "unresolved": "No rule decided",
}
CONFLICT_KINDS = {
    "value": "The same statement with different values",
    "polarity": "One side allows what the other rules out",
    "enumeration": "Two lists that differ",
    "internal": "A document that contradicts itself",
    "duplicate": "The same text in two places",
    "near_duplicate": "A copy with an edit",
    "stale_copy": "A copy that fell behind its original",
}
RELATIONS = {
    "conflict": "Both sides claim to hold for the same case.",
    "exception": "One side holds for a narrower case than the other.",
    "succession": "One side follows the other in time.",
}
STATES = {
    "open": ("Open", "No rule tells the sides apart; agents are told both, marked, until somebody decides."),
    "reopened": ("Reopened", "It had been settled; then a side changed, came back, or the ruling ended."),
    "resolved_by_rule": ("Decided by rule", "The rules choose a side, for each customer, without anybody's help."),
    "ruled": ("Ruled", "An owner has decided."),
    "dismissed": ("Not a conflict", "An owner has said that both sides hold; agents are told both."),
    "closed": ("Closed", "A side has gone or no longer disagrees."),
}
"""State of a conflict -> its name, and what it means."""

STATE_BADGES = {"open": "open", "reopened": "open", "resolved_by_rule": "decided", "ruled": "decided"}
HAPPENINGS = {
    "opened": "Found",
    "changed": "A side changed",
    "closed": "Closed: a side has gone or no longer disagrees",
    "returned": "Came back",
    "ruled": "Ruled",
    "revoked": "Ruling undone",
}
SEVERITY_PARTS = {
    "distance": ("Distance", "how far apart the sides are"),
    "authority": ("Authority", "how much the weaker side counts"),
    "served": ("Use", "how often agents were told a side in the last 30 days"),
    "risk": ("Risk", "what a wrong answer costs in the workflows concerned"),
}
SEVERITY_LEVELS = ((0.6, "High"), (0.35, "Medium"), (0.0, "Low"))
RULING_OUTCOMES = {
    "side_wins": ("One side wins", "Agents are told that side, and the others no more."),
    "both_hold": ("Both hold, each under its own conditions", "Agents are told the side whose conditions the customer meets."),
    "not_a_conflict": ("Not a conflict", "The sides do not contradict each other. Agents are told all of them, unmarked."),
    "fix_at_source": ("One side is wrong and is mended at its source", "Agents are not told it until its text changes."),
}
"""Outcome of a ruling -> what an owner chooses, and what follows from it."""

REFUSALS = {
    "already-ruled": "A ruling is in force for some of the same requests. Undo it first, or rule only for requests that it leaves out.",
    "conflict-changed": "A side has changed since you saw it. Look at what it says now, check what you chose, and go on.",
    "conflict-closed": "A side has gone or no longer disagrees, so there is nothing left to rule on.",
}
"""Code of an error that refuses a ruling -> what its author can do on the form."""

RULING_ENDS = {"revoked": "undone", "expired": "expired", "sides_changed": "ended when a side changed", "closed": "ended with the conflict"}
EXCLUSIONS = {
    "not_applicable": "holds for other customers",
    "not_effective": "not in force on that day",
    "superseded": "replaced by another document",
    "due": "due for a check",
    "stale": "stale",
    "expired": "expired",
    "duplicate": "said elsewhere already",
    "conflict": "lost against another source",
    "withdrawn": "withdrawn by its owner",
    "draft": "not finished yet",
}
FRESHNESS = {"fresh": "Fresh", "due": "Due for a check", "stale": "Stale", "expired": "Expired"}
EVENTS = {
    "freshness_worsened": "Promise broken",
    "freshness_recovered": "Better again",
    "source_failing": "Keeps failing",
    "source_mended": "Answers again",
}
TREATMENTS = {"mark": "marked", "demote": "told after fresher texts", "withhold": "kept from agents"}
DELIVERIES = {"pending": "on its way", "delivered": "delivered", "abandoned": "given up"}
STATUS = {"current": "Current", "draft": "Draft", "withdrawn": "Withdrawn"}
OUTCOMES = {
    "new": "new",
    "changed": "changed",
    "unchanged": "unchanged",
    "deleted": "deleted",
    "failed_transient": "failed for now",
    "failed_terminal": "failed",
}
RUN_STATES = {"running": "Running", "succeeded": "Succeeded", "failed": "Failed", "interrupted": "Interrupted"}
REMEDIES = {
    "failed_transient": "It is tried again at the next check.",
    "failed_terminal": "It stays out until somebody mends it at the source.",
}
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def count_of(number: int, noun: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def day(value: date | datetime | None) -> str:
    """`20 Nov 2026`; a dash where there is none."""
    return f"{value.day} {value:%b} {value.year}" if value else "–"


def moment(value: datetime | None) -> str:
    """`20 Nov 2026, 07:04 UTC`; `never` where there is none."""
    return f"{day(value)}, {value:%H:%M} UTC" if value else "never"


def lasting(value: timedelta) -> str:
    """A length of time in its largest unit: `3 hours`."""
    seconds = max(0, int(value.total_seconds()))
    for size, name in UNITS:
        if seconds >= size:
            return count_of(seconds // size, name)
    return "less than a second"


def ago(value: datetime | None, now: datetime) -> str:
    """`3 hours ago`; `never` where there is none."""
    if value is None:
        return "never"
    return "just now" if now - value < timedelta(minutes=1) else f"{lasting(now - value)} ago"


def until(value: datetime, now: datetime) -> str:
    """`in 3 hours`; `now` where that is past."""
    return f"in {lasting(value - now)}" if value - now >= timedelta(seconds=1) else "now"


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 minutes`."""
    return lasting(timedelta(seconds=value)) if value >= 120 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def promise(declared: Promise) -> str:
    """How often a source is checked, and what its age does to its texts."""
    every = lasting(declared.every).removeprefix("1 ")
    how_often = f"checked at {declared.cron} ({declared.time_zone})" if declared.cron else f"checked every {every}"
    ages = (
        (declared.due, "due", declared.when_due),
        (declared.stale, "stale", declared.when_stale),
        (declared.expired, "expired", declared.when_expired),
    )
    parts = [f"{name} after {lasting(age)}{_treated(treatment)}" for age, name, treatment in ages]
    return f"{how_often}; {', '.join(parts)}"


def _treated(treatment: str) -> str:
    return f" ({TREATMENTS[treatment]})" if treatment in TREATMENTS else ""


def delivery(value: Delivery) -> str:
    """What became of a delivery."""
    said = DELIVERIES[value.state.value]
    error = value.attempts[-1].error if value.attempts else None
    return f"{said}, tried {count_of(len(value.attempts), 'time')}: {error}" if error else said


def listed(names: Iterable[str], last: str = "and") -> str:
    """`a, b and c`, in order."""
    words = list(names)
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def between(titles: Iterable[str]) -> str:
    """What stands against each other: `Pricing / Billing questions`, each title once."""
    return " / ".join(dict.fromkeys(titles))


def run_counts(counts: Mapping[str, int]) -> str:
    """`4 new, 1 failed`."""
    parts = [f"{counts[name]:,} {word}" for name, word in OUTCOMES.items() if counts.get(name)]
    return ", ".join(parts) or "nothing found"


def holds_for(applicability: Applicability) -> str:
    """For whom a text holds."""
    parts = [f"{name} {listed(sorted(values), 'or')}" for name, values in applicability.conditions().items()]
    return "; ".join(parts) or "everyone"


def in_force(window: Window) -> str:
    """When a text holds."""
    if window.since and window.until:
        return f"{day(window.since)} to {day(window.until)}"
    if window.since:
        return f"from {day(window.since)}"
    return f"until {day(window.until)}" if window.until else "always"


def readable_by(access: Access | None) -> str:
    """Who may read a text."""
    if access is None or not access.audiences:
        return "nobody but the owner"
    parts = [f"{access.classification.value}, for {listed(sorted(access.audiences))}"]
    if access.workflows:
        parts.append(f"only in {listed(sorted(access.workflows), 'or')}")
    if access.customer:
        parts.append(f"only on behalf of customer {access.customer}")
    return "; ".join(parts)


def names(value: Names) -> str:
    """A set of names, or everything."""
    return "everything" if value == "*" else listed(sorted(value)) or "nothing"


def mark(value: str) -> str:
    """What an agent is told to be careful about; see `Item.marks`."""
    kind, _, detail = value.partition(":")
    match kind:
        case "open_conflict":
            return "part of an open conflict"
        case "depends_on":
            return f"depends on the customer’s {detail}"
        case "demoted":
            return "told after fresher texts"
        case "instructs_agent":
            return "held words that try to instruct the agent; they were taken out"
    return FRESHNESS.get(kind, kind.replace("_", " ")).lower()


def taken_out(reason: str) -> str:
    """Why a part of a text was taken out; see `Removed.reason`."""
    if reason.startswith("lost by "):
        return f"it lost against another source ({RULES[reason.removeprefix('lost by ')].lower()})"
    return {"budget": "there was no room for it", "instructs_agent": "it tries to instruct the agent"}.get(reason, reason)


def severity_level(score: float) -> str:
    """`High`, `Medium` or `Low`."""
    return next(name for least, name in SEVERITY_LEVELS if score >= least)


def ruling_sentence(ruling: Ruling, titles: Mapping[str, str]) -> str:
    """What a ruling says. `titles` are the documents' by `source:key`."""
    named = {side.id: titles.get(side.ref, side.ref) for side in ruling.sides}
    match ruling.outcome:
        case RulingOutcome.SIDE_WINS:
            return f"“{named[ruling.side or '']}” is told, the other side is not."
        case RulingOutcome.FIX_AT_SOURCE:
            return f"“{named[ruling.side or '']}” is not told until its text changes."
        case RulingOutcome.NOT_A_CONFLICT:
            return "The sides do not contradict each other; all are told."
    held = ruling.conditions
    parts = [f"“{named[side.id]}” holds for {holds_for(held[side.id])}" for side in ruling.sides if side.id in held]
    return f"{'; '.join(parts)}."


def ruling_scope(scope: RulingScope) -> str:
    """Where a ruling decides."""
    where = "in every workflow" if scope.workflows == "*" else f"in {listed(sorted(scope.workflows))}"
    return f"{where}, for {holds_for(scope.applicability)}"
