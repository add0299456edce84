"""The answer key of the demo company, `fixtures/truth.yaml`, as values."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

from pydantic import Field
from ruamel.yaml import YAML

from context_service.model.base import Value
from context_service.model.context import ContextReply, ContextRequest, CustomerRef, Decision, Item
from context_service.model.workflow import DecidedBy

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class Passage(Value):
    """A document, and words in it; without words, the whole document."""

    document: str
    says: str = ""

    def is_told_by(self, item: Item) -> bool:
        """Whether the item carries it. White space does not count: a text may be broken anywhere."""
        return item.document == self.document and self.says in " ".join(item.text.split())


class Question(Value):
    """What is asked, for whom, and what has to come back."""

    id: str
    ask: str
    customer: str | None = None
    attributes: dict[str, str] = {}
    workflow: str
    channel: str = "chat"
    effective_on: date | None = None
    decision: Decision
    asks_for: tuple[str, ...] = ()
    must: tuple[Passage, ...] = ()
    must_not: tuple[Passage, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def request(self) -> ContextRequest:
        """The request to `/context`."""
        return ContextRequest(
            query=self.ask,
            customer=CustomerRef(id=self.customer, attributes=self.attributes),
            workflow=self.workflow,
            channel=self.channel,
            effective_on=self.effective_on,
        )


class Planted(Value):
    """A conflict in the documents, its winner (None: nobody can say) and the rule that decides."""

    id: str
    kind: str
    sides: tuple[Passage, ...] = Field(min_length=2)
    winner: str | None
    rule: DecidedBy


class Truth(Value):
    """The whole key. It holds on one day."""

    today: date
    questions: tuple[Question, ...]
    conflicts: tuple[Planted, ...]

    def now(self) -> datetime:
        """Noon of its day."""
        return datetime.combine(self.today, time(12), UTC)


@cache
def truth() -> Truth:
    """The key as it stands in the file."""
    return Truth.model_validate(YAML(typ="safe").load((FIXTURES / "truth.yaml").read_text("utf-8")))


def faults(question: Question, reply: ContextReply) -> list[str]:
    """Where the reply is not what the key says."""
    found = [
        *(f"does not tell: {passage}" for passage in question.must if not _told(reply, passage)),
        *(f"tells: {passage}" for passage in question.must_not if _told(reply, passage)),
    ]
    if reply.decision != question.decision:
        found.append(f"decides {reply.decision.value} instead of {question.decision.value}")
    if question.asks_for and reply.asks_for != question.asks_for:
        found.append(f"asks for {reply.asks_for} instead of {question.asks_for}")
    return found


def _told(reply: ContextReply, passage: Passage) -> bool:
    """Whether the reply carries the passage."""
    return any(passage.is_told_by(item) for item in reply.items)


def comparable(reply: ContextReply) -> str:
    """The reply's bytes without what two computations of one answer may differ in."""
    return reply.model_dump_json(exclude={"context_id": True, "served_at": True, "usage": {"milliseconds"}}, indent=1)
