"""A workflow as a release sets it: what is declared, with the settings that were published since above it.

Settings are stored as the state of a document without text, of a source that no declaration can name. So they belong to releases like any
other state: a past release answers with its own, a rollback brings back the old ones, and a draft shows what its own would do.
"""

from __future__ import annotations

from context_service.model.workflow import Workflow
from context_service.model.workspace import Settings
from context_service.records.protocol import RecordStore

SETTINGS_SOURCE = "@workflows"
"""No source can be called so; the key is the workflow's id."""


def settings_of(records: RecordStore, workflow: str, number: int) -> Settings:
    """What a release or draft sets of a workflow."""
    state = records.revision_of(SETTINGS_SOURCE, workflow, number)
    return Settings.model_validate(state.facts) if state else Settings()


def as_set(records: RecordStore, workflow: Workflow, number: int) -> Workflow:
    """The workflow by which a release or draft answers."""
    settings = settings_of(records, workflow.id, number)
    chosen = {name: value for name in Settings.model_fields if (value := getattr(settings, name)) is not None}
    return workflow.model_copy(update=chosen)
