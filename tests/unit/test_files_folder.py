"""Folders of files: what is listed, compared, refused and read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Done, Event, Failed, Found, Limits, Pull, Same
from context_service.model.document import ItemMark
from context_service.model.source import Source
from ingestors.files import FolderReader, Formats

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NOBODY = 65534
TEXT = Formats(
    {".txt": "text/plain"}, lambda _, raw: TerminalSourceError("it is odd.", remedy="Mend it.") if raw.startswith(b"odd") else None
)


def read(
    folder: Path,
    options: Mapping[str, JsonValue] | None = None,
    known: Mapping[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - a frozen value
    formats: Formats = TEXT,
) -> list[Event]:
    source = Source(id="notes", kind="docs", title="Notes", owner="team", authority="policy", options=dict(options or {}))
    marks = {
        key: ItemMark(key=key, document="d", fingerprint=fingerprint, content_hash="h", governance_hash="g")
        for key, fingerprint in (known or {}).items()
    }
    return list(FolderReader(Pull(source, folder, None, marks, NOW, limits), formats).events())


def write(folder: Path, *keys: str, text: str = "text") -> None:
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def keys(events: list[Event]) -> list[str]:
    return [event.content.key if isinstance(event, Found) else event.key for event in events if not isinstance(event, Done)]


def only(events: list[Event]) -> Event:
    assert len(events) == 2
    return events[0]


def test_files_come_sorted_by_their_path_and_done_comes_last(tmp_path: Path) -> None:
    write(tmp_path, "b.txt", "a/z.txt", "a.txt", "a/b/c.txt")
    events = read(tmp_path)
    assert keys(events) == ["a.txt", "a/b/c.txt", "a/z.txt", "b.txt"]
    assert events[-1] == Done(None, complete=True)


def test_hidden_files_and_declarations_are_no_items(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", ".hidden.txt", ".git/b.txt", "source.yaml", "sub/source.yaml")
    assert keys(read(tmp_path)) == ["a.txt"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": ["guides/*"]}, ["guides/deep/b.txt", "guides/a.txt"]),
        ({"include": ["**/a.txt"]}, ["a.txt", "guides/a.txt"]),
        ({"exclude": ["guides/deep/*"]}, ["a.txt", "guides/a.txt"]),
        ({"include": ["*.txt"], "exclude": ["a.txt"]}, ["guides/a.txt", "guides/deep/b.txt"]),
    ],
)
def test_globs_choose_the_items(tmp_path: Path, options: dict[str, JsonValue], expected: list[str]) -> None:
    write(tmp_path, "a.txt", "guides/a.txt", "guides/deep/b.txt")
    assert keys(read(tmp_path, options)) == sorted(expected)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"include": "*.txt"}, "options.include"),
        ({"exclude": [1]}, "options.exclude"),
        ({"url": "https://help.example/"}, "options.url"),
        ({"git": "yes"}, "options.git"),
        ({"recursive": True}, "options.recursive"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: dict[str, JsonValue], named: str) -> None:
    with pytest.raises(TerminalSourceError) as caught:
        read(tmp_path, options)
    assert caught.value.field == named
    assert named in caught.value.message
    assert caught.value.remedy


def test_the_citation_is_the_key_or_the_filled_in_template(tmp_path: Path) -> None:
    write(tmp_path, "a b/ü.txt")
    plain, filled = (only(read(tmp_path, options)) for options in ({}, {"url": "https://help.example/{key}"}))
    assert isinstance(plain, Found)
    assert isinstance(filled, Found)
    assert plain.content.url == "a b/ü.txt"
    assert filled.content.url == "https://help.example/a%20b/%C3%BC.txt"


def test_a_found_file_carries_its_bytes_date_and_options(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", text="hello")
    os.utime(tmp_path / "a.txt", (1_700_000_000, 1_700_000_000))
    event = only(read(tmp_path, {"exclude": []}))
    assert isinstance(event, Found)
    content = event.content
    assert (content.raw, content.media_type, content.fingerprint) == (b"hello", "text/plain", "5-1700000000000000000")
    assert content.modified == datetime.fromtimestamp(1_700_000_000, UTC)
    assert content.options == {"exclude": []}


def test_an_unchanged_file_is_the_same_and_a_touched_one_is_found(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    found = only(read(tmp_path))
    assert isinstance(found, Found)
    known = {"a.txt": found.content.fingerprint}
    assert only(read(tmp_path, known=known)) == Same("a.txt")
    os.utime(tmp_path / "a.txt", (1, 1))
    assert isinstance(only(read(tmp_path, known=known)), Found)


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("a.png", "x", ".png is not read here"),
        ("README", "x", "without a suffix"),
        ("a.txt", "odd", "it is odd."),
        ("b.txt", "x" * 99, "limit"),
    ],
)
def test_a_file_that_cannot_be_read_fails_for_good_with_a_reason(tmp_path: Path, key: str, text: str, says: str) -> None:
    write(tmp_path, key, text=text)
    event = only(read(tmp_path, limits=Limits(item_bytes=50)))
    assert isinstance(event, Failed)
    assert says in event.reason
    assert not event.transient


def test_other_suffixes_are_passed_by_where_the_connector_says_so(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.TXT")
    assert keys(read(tmp_path, formats=Formats(TEXT.media_types, TEXT.misnamed, others_ignored=True))) == ["b.TXT"]


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(folder, "a.txt")
    write(tmp_path, "secret.txt", text="secret")
    (folder / "inside.txt").symlink_to("a.txt")
    (folder / "outside.txt").symlink_to("../secret.txt")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "up").symlink_to("..")
    found = {event.content.key if isinstance(event, Found) else event.key: event for event in read(folder) if not isinstance(event, Done)}
    assert isinstance(found["inside.txt"], Found)
    assert isinstance(found["outside.txt"], Failed)
    assert "leaves the folder" in found["outside.txt"].reason
    assert isinstance(found["loop.txt"], Failed)
    assert isinstance(found["up"], Failed)
    assert not any("secret" in key for key in found)


def test_a_name_that_is_no_text_fails_under_a_printable_key(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    event = only(read(tmp_path))
    assert isinstance(event, Failed)
    assert event.key == "caf\ufffd.txt"
    assert "not printable" in event.reason


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    event = only(read(tmp_path))
    assert isinstance(event, Failed)
    assert "not a plain file" in event.reason


def test_a_missing_folder_is_an_error_and_not_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(TerminalSourceError, match="not there"):
        read(tmp_path / "gone")


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can enter, read as that user: root may read everything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    privileged = os.geteuid() == 0
    try:
        yield folder
    finally:
        if privileged:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def become_nobody() -> None:
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def test_what_may_not_be_read_today_is_tried_again(shared_folder: Path) -> None:
    write(shared_folder, "a.txt", "b.txt", "closed/c.txt")
    (shared_folder / "a.txt").chmod(0)
    (shared_folder / "closed").chmod(0)
    become_nobody()
    file, found, closed, done = read(shared_folder)
    assert isinstance(file, Failed)
    assert file.transient
    assert isinstance(found, Found)
    assert isinstance(closed, Failed)
    assert closed.transient
    assert done == Done(None, complete=False), "items of a folder that cannot be listed must not count as deleted"
