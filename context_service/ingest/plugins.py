"""Connectors are found by entry point, so that an installed package can add its own kind."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from context_service.errors import InvalidRequest
from context_service.ingest.connector import ENTRY_POINT_GROUP, Connector


@cache
def connector_kind(kind: str) -> type[Connector]:
    """The connector class for a kind of source. Raises InvalidRequest naming the kinds that are installed."""
    found = entry_points(group=ENTRY_POINT_GROUP)
    if kind not in found.names:
        raise InvalidRequest(
            f"No connector for sources of kind `{kind}` is installed.",
            remedy=f"Use one of {', '.join(sorted(found.names))}, or install the package that brings it.",
            field="kind",
        )
    loaded: type[Connector] = found[kind].load()
    return loaded
