"""Time travel: which state a read is about, and by the dates of which day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Query

from context_service.api.openapi import may_answer
from context_service.model.context import Standpoint
from context_service.model.release import HIGHEST

STANDPOINT_ANSWERS = may_answer(401, 403, 404, 409, 422, 500, 503)


def _standpoint(
    release: Annotated[int | None, Query(ge=1, le=HIGHEST, description="Read this release instead of the current one.")] = None,
    as_of: Annotated[datetime | None, Query(description="Read the release that was served at this moment (with time zone).")] = None,
    draft: Annotated[str | None, Query(max_length=64, description="For people: read this draft, as it would be published.")] = None,
    effective_on: Annotated[date | None, Query(description="By what holds on this day; default today.")] = None,
) -> Standpoint:
    return Standpoint(release=release, as_of=as_of, draft=draft, effective_on=effective_on)


At = Annotated[Standpoint, Depends(_standpoint)]
"""What the request reads. Access is always today's."""
