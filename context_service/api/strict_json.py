"""Reading JSON without guessing: what two parsers could understand differently is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Never

from pydantic import JsonValue

from context_service.api.problems import HttpProblem, shown_name


def strict_json(raw: bytes) -> JsonValue:
    """The value that `raw` holds. Raises HttpProblem (400, `invalid-json`) that says what is wrong and where.

    Beyond broken syntax it refuses NaN and infinities, a key that comes twice in one object, text that is not UTF-8, half of a surrogate
    pair, U+0000, and nesting that no request needs.
    """
    try:
        value: JsonValue = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
        for text in _texts(value):
            _check(text)
    except UnicodeDecodeError as error:
        raise _refused(f"Byte {error.start} of the body is not UTF-8.", "Send the body as UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _refused(f"The body is not JSON: {error.msg} at {place}.", "Correct the syntax there.") from None
    except RecursionError:
        raise _refused("The body is nested too deeply.", "No request needs more than three levels.") from None
    except ValueError:
        raise _refused("The body holds a number with thousands of digits.", "Send a number that a request can mean.") from None
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            name = shown_name(key)
            raise _refused(f"`{name}` comes twice in one object.", f"Send `{name}` once.", field=name)
        found[key] = value
    return found


def _no_number(name: str) -> Never:
    raise _refused(f"`{name}` is not a number in JSON.", "Send a finite number, or leave the field out.")


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)


def _check(text: str) -> None:
    if "\0" in text:
        raise _refused("A text of the body holds the character U+0000.", "Take it out.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise _refused("A text of the body holds half of a surrogate pair.", "Send the whole character, as UTF-8 or as two escapes.")


def _refused(detail: str, remedy: str, field: str | None = None) -> HttpProblem:
    return HttpProblem(400, "invalid-json", detail, remedy=remedy, field=field)
