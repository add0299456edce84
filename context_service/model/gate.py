"""What a draft has to pass before it publishes itself."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from context_service.model.base import NameSet, Value


class Thresholds(Value):
    """`gates:` of `context.yaml`: where the line is drawn. What does not pass waits for a person; nothing is refused for good."""

    conflict_severity: float | None = Field(
        0.7, ge=0, le=1, description="A new conflict that no rule decides holds its sources from this severity on; null never does."
    )
    coverage_lost: float = Field(0.5, gt=0, le=1, description="A source that loses more than this share of its documents is held.")
    coverage_least: int = Field(5, ge=1, description="Sources with fewer documents than this may lose any share of them.")
    golden_failures: int = Field(0, ge=0, description="Golden questions that may begin to fail.")


class GateResult(Value):
    """What one gate says of a draft. A gate that fails names the sources whose changes it holds; the others may go."""

    gate: str
    passed: bool
    reason: str
    remedy: str = ""
    sources: dict[str, str] = Field({}, description="Sources that are held by it -> why.")
    found: NameSet = Field(frozenset(), description="Names each thing that it fails for, so that an approval covers these and no others.")


class Approval(Value):
    """A person's yes to exactly the changes that `digest` names and to what the gates found in them.

    When the draft changes afterwards, or a gate finds more, it says nothing any more.
    """

    by: str
    at: datetime
    digest: str
    found: NameSet = Field(frozenset(), description="What the gates had found.")
    reason: str = ""


class Check(Value):
    """The gates of a draft at one moment, kept with the draft and with the release it becomes."""

    at: datetime
    base: int = Field(description="The release that the draft was compared with.")
    digest: str = Field(description="Names the changes that were judged.")
    results: tuple[GateResult, ...]
    waits_for_approval: NameSet = Field(frozenset(), description="Sources, or `workspace`, that publish only by a person's yes.")
    approval: Approval | None = None

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(result.passed for result in self.results)

    @property
    def found(self) -> frozenset[str]:
        """Everything that some gate fails for."""
        return frozenset(f"{result.gate}: {name}" for result in self.results for name in result.found)
