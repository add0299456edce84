"""YAML into values, with every complaint placed at a line and column."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.reader import ReaderError

from context_service.errors import InvalidDeclaration
from context_service.model.base import Value

MAX_BYTES = 1_000_000
"""Largest declaration file that is read."""

MAX_DEPTH = 32
"""Levels of nesting that are read."""

V = TypeVar("V", bound=Value)


class Located:
    """The tree read from a file, which knows where its parts stand."""

    def __init__(self, path: str, tree: Any) -> None:
        self.path = path
        self._tree = tree

    def fault(self, message: str, remedy: str, *loc: str | int) -> InvalidDeclaration:
        """A complaint about the part at `loc`, placed at the nearest part that the file holds."""
        line, column = self._place(loc)
        return InvalidDeclaration(message, remedy=remedy, path=self.path, line=line, column=column)

    def within(self, loc: Sequence[str | int]) -> tuple[str | int, ...]:
        """The part of `loc` that the file holds."""
        node = self._tree
        for depth, part in enumerate(loc):
            if not _holds(node, part):
                return tuple(loc[:depth])
            node = node[part]
        return tuple(loc)

    def _place(self, loc: Sequence[str | int]) -> tuple[int, int]:
        node, place = self._tree, (0, 0)
        for part in self.within(loc):
            place = node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part)
            node = node[part]
        return place[0] + 1, place[1] + 1


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, CommentedSeq):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, CommentedMap) and part in node


@dataclass(frozen=True)
class Declared(Generic[V]):
    """A declaration file as read: its value, and where each part of it stands."""

    value: V
    located: Located
    folder: Path


def read_declaration(path: Path, model: type[V], shown: str, faults: list[InvalidDeclaration]) -> Declared[V] | None:
    """Read `path` as `model`. What is wrong is added to `faults`, and then None is returned; `shown` is how messages name the file."""
    try:
        tree = _parse(_read(path, shown), shown)
    except InvalidDeclaration as fault:
        faults.append(fault)
        return None
    located = Located(shown, tree)
    try:
        return Declared(model.model_validate(_plain(tree)), located, path.parent)
    except ValidationError as error:
        faults.extend(_faults(located, error.errors()))
        return None


def _read(path: Path, shown: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidDeclaration(
            f"The file cannot be read: {error.strerror}.", remedy="Create it with `context-service init`, or name another.", path=shown
        ) from None
    if len(raw) > MAX_BYTES:
        raise InvalidDeclaration("The file is larger than 1 MB.", remedy="Split it.", path=shown)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        raise _at(before, "This byte is not UTF-8.", "Save the file as UTF-8.", shown) from None


def _at(before: str, message: str, remedy: str, shown: str) -> InvalidDeclaration:
    """A complaint about what follows the text `before`."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return InvalidDeclaration(message, remedy=remedy, path=shown, line=line, column=column)


def _parse(text: str, shown: str) -> Any:
    try:
        _refuse_tricks(text)
        yaml = YAML(typ="rt")
        yaml.Constructor = _Constructor
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = f"The YAML cannot be read: {error.problem or 'it cannot be parsed'}."
        raise InvalidDeclaration(message, remedy="Mend it here.", path=shown, line=line, column=column) from None
    except ReaderError as error:
        raise _at(text[: error.position], "This character may not stand in a file.", "Take it out.", shown) from None


def _refuse_tricks(text: str) -> None:
    """Aliases and merges can blow a small file up to gigabytes, deep nesting the stack, and no declaration needs any of them."""
    depth = 0
    for event in YAML(typ="rt").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise MarkedYAMLError(problem=f"it is nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        if isinstance(event, AliasEvent):
            raise MarkedYAMLError(problem=f"`*{event.anchor}` is an alias; write the value out", problem_mark=event.start_mark)
        if isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise MarkedYAMLError(problem="`<<` is a merge; write the values out", problem_mark=event.start_mark)


class _Constructor(RoundTripConstructor):
    """Says where a value stands that looks like a date or a number and is none, such as 2026-02-30."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001 - the signature is the library's
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise MarkedYAMLError(problem=f"`{node.value}`: {error}", problem_mark=node.start_mark) from None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node


def _faults(located: Located, errors: Sequence[ErrorDetails]) -> Iterator[InvalidDeclaration]:
    """One complaint for each place; where a field may be of two types, what each of them says of it."""
    said: dict[tuple[str | int, ...], list[ErrorDetails]] = defaultdict(list)
    for details in errors:
        loc = details["loc"]
        said[loc if details["type"] in ("missing", "extra_forbidden") else located.within(loc)].append(details)
    for loc, about in said.items():
        name = f"`{'.'.join(str(part) for part in loc)}`" if loc else "The file"
        yield _fault(located, loc, name, about)


def _fault(located: Located, loc: tuple[str | int, ...], name: str, about: Sequence[ErrorDetails]) -> InvalidDeclaration:
    first = about[0]
    if first["type"] == "missing":
        return located.fault(f"{name} is missing.", "Add it.", *loc)
    if first["type"] == "extra_forbidden":
        return located.fault(f"{name} is not a known field.", "Check its spelling against the schema, or take it out.", *loc)
    found = first["input"]
    remedy = "Mend it." if isinstance(found, (dict, list)) else "It is empty now." if found is None else f"It reads `{found!s:.80}` now."
    return located.fault(f"{name}: {' or '.join(_in_yaml_words(details) for details in about)}.", remedy, *loc)


def _in_yaml_words(details: ErrorDetails) -> str:
    """Pydantic's message in the words of who writes YAML and not Python."""
    if details["type"] in ("tuple_type", "frozen_set_type"):
        return "Input should be a list"
    if details["type"] in ("model_type", "dict_type"):
        return "Input should be a mapping"
    return re.sub(r"<[\w.]+: ('\w+')>", r"\1", details["msg"]).removeprefix("Value error, ")
