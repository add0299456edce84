"""Folders of files: what the docs and pdf connectors share. Walks, selects, compares with what is known, reads within limits."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from pydantic import JsonValue

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Done, Event, Failed, Found, Pull, Same
from context_service.model.document import Content
from ingestors.files_git import list_checkout
from ingestors.files_listing import Item, Listing, Refused, list_folder

DECLARATION = "source.yaml"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Formats:
    """What a connector reads: media type by suffix, a check of the first bytes that names what is wrong, and whether to pass others by."""

    media_types: Mapping[str, str]
    misnamed: Callable[[str, bytes], TerminalSourceError | None]
    others_ignored: bool = False


@dataclass(frozen=True)
class Selection:
    """Options of a folder source: `include` and `exclude` globs on keys (`*` also spans folders), `url` template, `git`."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    url: str = "{key}"
    git: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, JsonValue]) -> Selection:
        """Check the options; raises TerminalSourceError naming the one that is wrong."""
        unknown = sorted(set(options) - {"include", "exclude", "url", "git"})
        if unknown:
            raise _wrong(unknown[0], "is not an option of this connector", "Use include, exclude, url or git.")
        return cls(
            include=_globs(options, "include", cls.include),
            exclude=_globs(options, "exclude", cls.exclude),
            url=_url(options.get("url", cls.url)),
            git=_flag(options.get("git", cls.git)),
        )

    def admits(self, key: str) -> bool:
        """Whether the file of that key belongs to the source."""
        parts = PurePosixPath(key).parts
        if parts[-1] == DECLARATION or any(part.startswith(".") for part in parts):
            return False
        return any(_matches(key, glob) for glob in self.include) and not any(_matches(key, glob) for glob in self.exclude)

    def citation(self, key: str) -> str:
        """The address to cite for a key: the template filled in, or the key itself."""
        return key if self.url == "{key}" else self.url.replace("{key}", quote(key, safe="/"))


def _wrong(option: str, what: str, remedy: str) -> TerminalSourceError:
    return TerminalSourceError(f"options.{option} {what}.", remedy=remedy, field=f"options.{option}")


def _globs(options: Mapping[str, JsonValue], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = options.get(name, list(default))
    globs = tuple(glob for glob in value if isinstance(glob, str)) if isinstance(value, list) else ()
    if not isinstance(value, list) or len(globs) != len(value):
        raise _wrong(name, "is not a list of globs", 'Write a list such as ["guides/*.md"].')
    return globs


def _url(value: JsonValue) -> str:
    if not isinstance(value, str) or "{key}" not in value:
        raise _wrong("url", "has no {key} in it", "Write a template such as https://help.example/{key}.")
    return value


def _flag(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise _wrong("git", "is neither true nor false", "Write true to read what is committed, false to read the folder.")
    return value


def _matches(key: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(key, glob) or (glob.startswith("**/") and fnmatch.fnmatchcase(key, glob.removeprefix("**/")))


class FolderReader:
    """Yields the events of one folder, in the order of the keys."""

    def __init__(self, pull: Pull, formats: Formats) -> None:
        self._pull = pull
        self._formats = formats
        self._selection = Selection.from_options(pull.source.options)

    def events(self) -> Iterator[Event]:
        """See Connector.events."""
        listing = self._list()
        for key in sorted(listing.items):
            yield from self._item_events(listing.items[key])
        yield Done(listing.cursor, listing.complete)

    def _list(self) -> Listing:
        if not self._pull.folder.is_dir():
            raise TerminalSourceError("The folder of the files is not there.", remedy="Mend `location` in the source's declaration.")
        if self._selection.git:
            return list_checkout(self._pull.folder, self._wanted)
        return list_folder(self._pull.folder, self._wanted)

    def _wanted(self, key: str) -> bool:
        ignored = self._formats.others_ignored and _suffix(key) not in self._formats.media_types
        return not ignored and self._selection.admits(key)

    def _item_events(self, item: Item | Refused) -> Iterator[Event]:
        if isinstance(item, Refused):
            yield Failed(_printable(item.key), item.reason, item.transient)
            return
        known = self._pull.known.get(item.key)
        if known is not None and known.fingerprint == item.fingerprint:
            yield Same(item.key)
            return
        refusal = self._refusal(item)
        if refusal is not None:
            yield Failed(_printable(item.key), refusal, transient=False)
            return
        try:
            yield self._fetched(item)
        except TerminalSourceError as error:
            yield Failed(item.key, str(error), transient=False)
        except FileNotFoundError:
            return  # It was deleted after it was listed, which is the same as never having been listed.
        except OSError as error:
            yield Failed(item.key, f"cannot be read: {error.strerror}. Let the service's user read it.", transient=True)

    def _refusal(self, item: Item) -> str | None:
        if UNPRINTABLE.search(item.key):
            return "its name is not printable text. Rename the file."
        if _suffix(item.key) not in self._formats.media_types:
            return f"{_suffix(item.key) or 'a file without a suffix'} is not read here. Convert it, or name it in options.exclude."
        if item.size > self._pull.limits.item_bytes:
            return _too_large(self._pull.limits.item_bytes)
        return None

    def _fetched(self, item: Item) -> Found | Failed:
        limit = self._pull.limits.item_bytes
        raw = item.read(limit)
        if len(raw) > limit:
            return Failed(item.key, _too_large(limit), transient=False)
        wrong = self._formats.misnamed(_suffix(item.key), raw)
        if wrong is not None:
            return Failed(item.key, str(wrong), transient=False)
        return Found(
            Content(
                key=item.key,
                raw=raw,
                media_type=self._formats.media_types[_suffix(item.key)],
                url=self._selection.citation(item.key),
                fingerprint=item.fingerprint,
                modified=item.modified,
                author=item.author,
                options=self._pull.source.options,
            )
        )


def _suffix(key: str) -> str:
    return PurePosixPath(key).suffix.lower()


def _printable(key: str) -> str:
    return UNPRINTABLE.sub("\ufffd", key)


def _too_large(limit: int) -> str:
    return f"it is larger than the limit of {limit} bytes. Split it, or raise the limit."
