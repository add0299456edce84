"""How a connector reads `options`: checked against a model, with the wrong one named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from context_service.errors import TerminalSourceError
from context_service.model.base import Value

Checked = TypeVar("Checked", bound=Value)


def checked_options(model: type[Checked], options: Mapping[str, JsonValue]) -> Checked:
    """`options` as `model`. Raises TerminalSourceError naming the first that is wrong."""
    try:
        return model.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise TerminalSourceError(
            f"`options.{name}` is wrong: {first['msg']}.", remedy="Correct it in the source's declaration."
        ) from error
