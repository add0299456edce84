"""Everything that people do with changes before and after they are published, wired together for the faces."""

from __future__ import annotations

from dataclasses import dataclass

from context_service.declarations.company import Declarations
from context_service.errors import NotFound
from context_service.ingest.drafts import Drafts
from context_service.model.access import Principal
from context_service.records.protocol import RecordStore
from context_service.releases.diff import PAGE, Differ
from context_service.releases.edit_checks import Tools
from context_service.releases.evidence import Gatherer
from context_service.releases.feedback import FeedbackDesk
from context_service.releases.gatekeeper import Gates
from context_service.releases.impact import MOST_REPLAYS, Impacts
from context_service.releases.views import Diff, Impact
from context_service.releases.workspace import Workspaces
from context_service.retrieval.service import ContextService


@dataclass(frozen=True)
class ChangeControl:
    """Workspaces, comparisons, gates, impact and feedback over one set of records."""

    records: RecordStore
    workspaces: Workspaces
    differ: Differ
    gates: Gates
    impacts: Impacts
    feedback: FeedbackDesk

    @classmethod
    def over(cls, tools: Tools, declarations: Declarations, drafts: Drafts, context: ContextService) -> ChangeControl:
        """Wired over the records, clock and ids of `tools`."""
        records, now = tools.records, tools.now
        differ = Differ(records, declarations.sources, now)
        workspaces = Workspaces(tools, drafts, differ)
        gatherer = Gatherer(records, declarations, context, differ, now)
        return cls(
            records=records,
            workspaces=workspaces,
            differ=differ,
            gates=Gates(records, declarations, drafts, gatherer, differ, workspaces, now),
            impacts=Impacts(records, context, differ, now),
            feedback=FeedbackDesk(records, declarations, context, now=now, new_id=tools.new_id),
        )

    def diff_of_draft(self, principal: Principal, draft: str, *, after: str | None = None, limit: int = PAGE) -> Diff:
        """What a draft changes of the newest release. Raises NotFound, and what `Differ.diff` raises."""
        return self.differ.diff(principal, self.records.traffic().newest, self._number(draft), after=after, limit=limit)

    def impact_of_draft(self, principal: Principal, draft: str, *, replays: int = MOST_REPLAYS) -> Impact:
        """What a draft would do to answers. Raises NotFound, and what `Impacts.impact` raises."""
        number, newest = self._number(draft), self.records.traffic().newest
        return self.impacts.impact(principal, newest, number, self.feedback.askable(principal), replays=replays)

    def _number(self, draft: str) -> int:
        found = self.records.draft(draft)
        if found is None or not found.state.standing:
            raise NotFound(f"There is no draft {draft} that stands.", remedy="List the drafts.", field="draft")
        return found.number
