"""The files of a folder on disk, by key, before any of them is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from context_service.errors import TerminalSourceError


@dataclass(frozen=True)
class Item:
    """A file that may be fetched. `read` gives its bytes, at most one more than the limit it is handed."""

    key: str
    size: int
    fingerprint: str
    read: Callable[[int], bytes]
    modified: datetime | None = None
    author: str | None = None


@dataclass(frozen=True)
class Refused:
    """A file that is there and cannot be fetched, with the reason."""

    key: str
    reason: str
    transient: bool = False


@dataclass
class Listing:
    """The files of a folder by key. `cursor` names the state they were listed at, `complete` says that none may be missing."""

    items: dict[str, Item | Refused] = field(default_factory=dict)
    cursor: str | None = None
    complete: bool = True


def list_folder(folder: Path, wanted: Callable[[str], bool]) -> Listing:
    """The wanted files below `folder`. Links are followed to files inside it; a folder that cannot be opened leaves it incomplete."""
    listing = Listing()
    root = folder.resolve()
    waiting = [root]
    while waiting:
        current = waiting.pop()
        try:
            entries = list(os.scandir(current))
        except OSError as error:
            _unlisted(listing, root, current, error)
            continue
        for entry in entries:
            path = current / entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    waiting.append(path)
                continue
            key = path.relative_to(root).as_posix()
            if wanted(key):
                listing.items[key] = _file(root, path, key)
    return listing


def _unlisted(listing: Listing, root: Path, folder: Path, error: OSError) -> None:
    if folder == root:
        raise TerminalSourceError(f"The folder cannot be listed: {error.strerror}.", remedy="Let the service's user read it.")
    listing.complete = False
    key = folder.relative_to(root).as_posix()
    listing.items[key] = Refused(key, f"the folder cannot be listed: {error.strerror}. Let the service's user read it.", transient=True)


def _file(root: Path, path: Path, key: str) -> Item | Refused:
    try:
        target = path.resolve(strict=True)
        state = target.stat()
    except (OSError, RuntimeError):
        return Refused(key, "it is a link to nothing or cannot be looked at. Mend or remove it.", transient=True)
    if not target.is_relative_to(root):
        return Refused(key, "it is a link that leaves the folder. Copy the file into the folder.")
    if not stat.S_ISREG(state.st_mode):
        return Refused(key, "it is not a plain file. Replace it by a file, or name it in options.exclude.")
    return Item(
        key=key,
        size=state.st_size,
        fingerprint=f"{state.st_size}-{state.st_mtime_ns}",
        read=lambda limit: _read(target, limit),
        modified=datetime.fromtimestamp(state.st_mtime, UTC),
    )


def _read(path: Path, limit: int) -> bytes:
    # The path has been resolved: a link found here now was put there since.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(limit + 1)
