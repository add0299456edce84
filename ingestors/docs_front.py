"""Front matter: the YAML between two `---` lines at the head of a Markdown or HTML file."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from context_service.errors import TerminalSourceError

FENCED = re.compile(r"---[ \t]*\n((?:.*?\n)?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
LARGEST = 65_536
"""Characters of front matter that are read; more than this is not front matter."""
REMEDY = "Mend the lines between the two `---` at the head of the file."


def split_front_matter(text: str) -> tuple[dict[str, JsonValue], str]:
    """The fields and the rest of the text; no fields where the text does not begin with front matter.

    Raises TerminalSourceError naming the line where it is no valid YAML or no mapping.
    """
    found = FENCED.match(text)
    if found is None or len(found[1]) > LARGEST:
        return {}, text
    fields = _load(found[1])
    if isinstance(fields, str):
        return {}, text  # Two rules with a line between them, not front matter.
    if not isinstance(fields, dict | None):
        raise TerminalSourceError("line 2: the front matter is not a list of `field: value`.", remedy=REMEDY)
    return {str(name): _plain(value) for name, value in (fields or {}).items()}, text[found.end() :]


def _load(source: str) -> object:
    reader = YAML(typ="safe", pure=True)
    try:
        if any(isinstance(event, AliasEvent) for event in reader.parse(source)):
            raise TerminalSourceError("the front matter uses YAML aliases, which are not read.", remedy=REMEDY)
        loaded: object = YAML(typ="safe", pure=True).load(source)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        raise TerminalSourceError(f"line {line}: the front matter is not valid YAML: {error.problem}.", remedy=REMEDY) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise TerminalSourceError("line 2: the front matter is not valid YAML.", remedy=REMEDY) from error
    return loaded


def _plain(value: object) -> JsonValue:
    """`value` as JSON can hold it: a date becomes its ISO form."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
