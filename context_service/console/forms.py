"""What the console's forms share."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

Options = list[tuple[str, str]]
"""What a form offers to choose from: values and how they read."""


class Fault(BaseModel):
    """What is wrong with what was sent, and with which field of the form."""

    field: str
    message: str


def plain(values: Iterable[str]) -> Options:
    """Values that read as they are, sorted."""
    return [(value, value) for value in sorted(values)]
