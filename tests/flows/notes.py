"""A kind of source for these tests: a folder of text files, quick to parse, in which other files stand for what goes wrong.

Installed like any package that brings a connector: by an entry point, here of a distribution that `install` writes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import ENTRY_POINT_GROUP, Done, Event, Failed, Found, Gone, Limits, Pull, Same
from context_service.model.document import Content, Element, ElementKind, Parsed

TOO_MUCH = 32 * 1024**3
"""Bytes that no parser may take."""


class InterruptedSync(BaseException):
    """The process is told to stop, as by Ctrl-C."""


class NotesConnector:
    """Goes through the folder by name. `a.txt` is a text; `a.gone`, `a.refused` and `a.unreachable` say how `a.txt` ended; `a.interrupt`
    stops the process there, `a.down` the source, `a.hang` never comes to an end, and `a.fault` is a fault of this connector. Beside a
    file called `partial` some texts may be missing.
    """

    version = "notes-1"

    def __init__(self, pull: Pull) -> None:
        self._pull = pull

    def events(self) -> Iterator[Event]:
        """See Connector.events."""
        names = sorted(path.name for path in self._pull.folder.iterdir())
        for name in names:
            yield from self._event(self._pull.folder / name)
        yield Done(cursor=f"{len(names)} files", complete="partial" not in names)

    def _event(self, path: Path) -> Iterator[Event]:
        key = f"{path.stem}.txt"
        match path.suffix:
            case ".txt":
                yield self._text(path)
            case ".gone":
                yield Gone(key)
            case ".refused":
                yield Failed(key, "it is locked. Unlock it.", transient=False)
            case ".unreachable":
                yield Failed(key, "it did not answer.", transient=True)
            case ".interrupt":
                raise InterruptedSync
            case ".fault":
                raise KeyError(key)
            case ".hang":
                time.sleep(3600)
            case ".down":
                raise TransientSourceError("The source does not answer.", remedy="The next sync tries again.")

    def _text(self, path: Path) -> Found | Same:
        state = path.stat()
        fingerprint = f"{state.st_size}-{state.st_mtime_ns}"
        known = self._pull.known.get(path.name)
        if known and known.fingerprint == fingerprint:
            return Same(path.name)
        return Found(Content(key=path.name, raw=path.read_bytes(), media_type="text/plain", url=path.name, fingerprint=fingerprint))

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:
        """See Connector.parse. A line is a paragraph, or a heading after `#`; a first line after `!` names what goes wrong."""
        lines = content.raw.decode().splitlines()
        _misbehave(lines[0])
        elements = tuple(_element(line) for line in lines if line)
        return Parsed(title=content.key, elements=elements, parser="notes", parser_version=NotesConnector.version)


def _element(line: str) -> Element:
    if line.startswith("# "):
        return Element(kind=ElementKind.HEADING, text=line.removeprefix("# "), level=1)
    return Element(kind=ElementKind.PARAGRAPH, text=line)


def _misbehave(first_line: str) -> None:
    match first_line:
        case "!hang":
            time.sleep(3600)
        case "!crash":
            os.abort()
        case "!memory":
            bytearray(TOO_MUCH)
        case "!fault":
            raise KeyError(first_line)
        case "!unreadable":
            raise TerminalSourceError("It is written in invisible ink.", remedy="Write it anew.")
        case "!busy":
            raise TransientSourceError("The reader is busy.", remedy="The next sync tries again.")


def install(folder: Path) -> None:
    """Write what pip would into a folder on the path: the kind `notes` is then known to every process with that path."""
    about = folder / "flow_notes-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: flow-notes\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\nnotes = {__name__}:{NotesConnector.__name__}\n")
