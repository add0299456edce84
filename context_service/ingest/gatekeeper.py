"""Who judges a draft before it publishes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from context_service.model.document import SyncRun


@dataclass(frozen=True)
class Verdict:
    """What becomes of a draft. `holds` names the sources whose changes wait for a person, with the reasons; the others are published.

    `gates` is kept with the draft and with the release it becomes.
    """

    holds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gates: Mapping[str, JsonValue] = field(default_factory=dict)


class Gatekeeper(Protocol):
    """Judges drafts that syncs have filled, indexed and compared. It is asked while nobody else can write drafts."""

    def judge(self, draft: int, sources: Sequence[str], runs: Sequence[SyncRun]) -> Verdict:
        """Judge the draft of that number: what it changes of `sources`, by the runs that have just ended."""
        ...


class OpenGate:
    """Lets everything pass."""

    def judge(self, draft: int, sources: Sequence[str], runs: Sequence[SyncRun]) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """See Gatekeeper.judge."""
        return Verdict()
