"""One tree of errors, each with a code of its own, a place in the drawing, a message and a remedy."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from context_service import errors
from context_service.errors import ContextServiceError, InvalidDeclaration, InvalidRequest


def family(kind: type[ContextServiceError]) -> Iterator[type[ContextServiceError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def depth(kind: type[ContextServiceError]) -> int:
    return len(kind.__mro__) - len(ContextServiceError.__mro__)


TREE = [kind for kind in family(ContextServiceError) if kind.__module__ == errors.__name__]


def made(kind: type[ContextServiceError]) -> ContextServiceError:
    if kind is InvalidDeclaration:
        return InvalidDeclaration("It is wrong.", remedy="Mend it.", path="context.yaml", line=3, column=7)
    return kind("It is wrong.", remedy="Mend it.", field="query")


def drawn() -> list[tuple[int, str, str]]:
    """Depth, name and code of each line of the drawing in the module's docstring."""
    lines = (errors.__doc__ or "").splitlines()
    branches = (re.match(r"^([│ ]*)[├└]── (\w+) +([a-z-]+)", line) for line in lines)
    return [(len(branch[1]) // 4 + 1, branch[2], branch[3]) for branch in branches if branch]


def test_the_drawing_is_the_tree() -> None:
    assert [(depth(kind), kind.__name__, kind.code) for kind in TREE if kind is not ContextServiceError] == drawn()


def test_every_error_of_the_package_stands_in_the_tree() -> None:
    import context_service.app  # loads every module that could define one

    assert context_service.app
    assert list(family(ContextServiceError)) == TREE
    assert {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)} == set(TREE)


def test_every_error_has_a_code_of_its_own_and_a_status_of_http() -> None:
    codes = [kind.code for kind in TREE]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert all(400 <= kind.status < 600 for kind in TREE)


@pytest.mark.parametrize("kind", TREE)
def test_an_error_says_what_is_wrong_and_what_to_do_next(kind: type[ContextServiceError]) -> None:
    assert str(made(kind)).endswith("It is wrong. Mend it.")
    assert kind.__doc__


@pytest.mark.parametrize("kind", TREE)
def test_an_error_travels_between_processes_whole(kind: type[ContextServiceError]) -> None:
    error = made(kind)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is kind
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_a_wrong_declaration_is_placed_as_editors_read_it() -> None:
    assert str(made(InvalidDeclaration)) == "context.yaml:3:7: It is wrong. Mend it."


def test_an_error_needs_a_remedy() -> None:
    with pytest.raises(TypeError, match="remedy"):
        InvalidRequest("It is wrong.")  # type: ignore[call-arg]  # what the test is about
