"""A reply of `/context` in a form that a person enjoys reading."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from context_service.model.context import ConflictReport, ContextReply, Decision, Freshness, Item

COLOURS = {
    Decision.ANSWER: "green",
    Decision.NEEDS_INFORMATION: "yellow",
    Decision.CONFLICTED: "red",
    Decision.INSUFFICIENT: "magenta",
}
SAYS = {
    Decision.ANSWER: "answer with this",
    Decision.NEEDS_INFORMATION: "ask first",
    Decision.CONFLICTED: "sources disagree and nothing decides",
    Decision.INSUFFICIENT: "nothing here answers it",
}
FRESH = {Freshness.FRESH: "green", Freshness.DUE: "cyan", Freshness.STALE: "yellow", Freshness.EXPIRED: "red"}
OLD = (Freshness.STALE, Freshness.EXPIRED)


def show_reply(console: Console, question: str, who: str, reply: ContextReply) -> None:
    """Print one reply: who asked, the decision, what is told, what was set aside, conflicts, freshness, times."""
    colour = COLOURS[reply.decision]
    console.print(Panel(Group(*_body(reply)), title=_title(question, who), title_align="left", border_style=colour, padding=(1, 2)))


def _title(question: str, who: str) -> Text:
    return Text.assemble((who, "bold"), ("  asks  ", "dim"), (f"“{question}”", "italic"))


def _body(reply: ContextReply) -> Iterator[RenderableType]:
    yield _verdict(reply)
    yield from _known(reply)
    yield from _section("Told", [_item(number, item) for number, item in enumerate(reply.items, 1)])
    yield from _section("Decided between sources", [_conflict(conflict) for conflict in reply.conflicts])
    yield from _section("Set aside", list(_set_aside(reply)))
    yield from _section("Stale", list(_stale(reply)))
    yield from _section("Notices", [Text(notice, "yellow") for notice in reply.notices])
    yield Text(f"\nrelease {reply.release} · {_times(reply)} · {reply.usage.tokens} tokens · context {reply.context_id}", "dim")


def _verdict(reply: ContextReply) -> Text:
    asks = f": {', '.join(reply.asks_for)}" if reply.asks_for else ""
    return Text.assemble(
        (f" {reply.decision.value} ", f"bold reverse {COLOURS[reply.decision]}"),
        f"  {SAYS[reply.decision]}{asks}  ",
        (f"confidence {reply.confidence:.0%}", "dim"),
    )


def _known(reply: ContextReply) -> Iterator[Text]:
    names = ("name", "region", "plan", "products")
    known = [f"{name} {_plain(reply.facts.attributes[name])}" for name in names if reply.facts.attributes.get(name)]
    unknown = [f"{name} unknown" for name in reply.facts.unknown]
    yield Text.assemble((" · ".join(known), "cyan"), "  " if unknown else "", (" · ".join(unknown), "yellow"))


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _section(title: str, rows: list[RenderableType] | list[Text]) -> Iterator[RenderableType]:
    if rows:
        yield Text(f"\n{title}", "bold")
        yield from (Padding(row, (0, 0, 0, 2)) for row in rows)


def _item(number: int, item: Item) -> RenderableType:
    path = " › ".join(heading for heading in item.heading_path if heading != item.title)
    page = f", page {item.lineage.page_from}" if item.lineage.page_from else ""
    head = Text.assemble((f"{number} ", "bold cyan"), (f"{item.title}", "bold"), f"  {path}")
    place = Text.assemble(
        (f"{item.document}{page} · characters {item.lineage.start}-{item.lineage.end} · {item.authority} · ", "dim"),
        (item.freshness.value, FRESH[item.freshness]),
        (f" · {', '.join(item.marks)}" if item.marks else "", "yellow"),
    )
    return Group(head, Padding(Text(item.text), (0, 0, 0, 2)), Padding(place, (0, 0, 0, 2)))


def _conflict(conflict: ConflictReport) -> RenderableType:
    if conflict.winner is None:
        sides = Text(" ↔ ".join(side.document for side in conflict.losers), "red")
        return Group(sides, Padding(Text(conflict.reasons[-1].because, "dim"), (0, 0, 0, 2)))
    lost = ", ".join(side.document for side in conflict.losers)
    head = Text.assemble(
        (conflict.winner.document, "green"), " over ", (lost, "red strike"), ("  by ", "dim"), (conflict.rule.value, "bold")
    )
    return Group(head, Padding(Text(conflict.reasons[-1].because, "dim"), (0, 0, 0, 2)))


def _set_aside(reply: ContextReply) -> Iterator[RenderableType]:
    if reply.excluded.counts:
        yield Text(", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in reply.excluded.counts.items()), "dim")
    if reply.excluded.examples:
        table = Table.grid(padding=(0, 2))
        for example in reply.excluded.examples:
            table.add_row(Text(example.document), Text(example.reason.replace("_", " "), "yellow"), Text(example.because, "dim"))
        yield table


def _stale(reply: ContextReply) -> Iterator[Text]:
    if not reply.items:
        return
    old = [item for item in reply.items if item.freshness in OLD]
    yield from (Text(f"{item.document} is {item.freshness.value}", FRESH[item.freshness]) for item in old)
    if not old:
        yield Text("nothing that is told here", "dim")


def _times(reply: ContextReply) -> str:
    slowest = sorted(reply.usage.milliseconds.items(), key=lambda lap: -lap[1])[1:4]
    total = reply.usage.milliseconds["total"]
    return f"{total:.0f} ms (" + ", ".join(f"{name} {lap:.0f}" for name, lap in slowest) + ")"
