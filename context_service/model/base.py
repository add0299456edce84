"""The base of all values, and how values become stable names."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer


class Value(BaseModel):
    """An immutable value; unknown fields are refused, so a misspelt rule never passes as an absent one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


NameSet = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]
"""A set of names that serialises in one order, so that equal values have equal bytes."""

Names = Literal["*"] | NameSet
"""Either everything, said aloud as `*`, or exactly the names listed. An empty set admits nothing."""


def admits(names: Names, name: str) -> bool:
    """Whether `names` covers `name`."""
    return names == "*" or name in names


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str | bytes, length: int = 32) -> str:
    """The first `length` hex digits of SHA-256 over the parts, each preceded by its size so that they cannot run together."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()[:length]
