"""Folders inside a git checkout are read as committed."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Done, Failed, Found, Limits, Same
from tests.unit.test_files_folder import keys, only, read, write

GIT = {"git": True}


def git(folder: Path, *arguments: str, author: str = "Ada", date: str = "2026-01-02T03:04:05+01:00") -> str:
    name = {
        "GIT_AUTHOR_NAME": author,
        "GIT_COMMITTER_NAME": "Committer",
        "GIT_AUTHOR_EMAIL": "a@x.example",
        "GIT_COMMITTER_EMAIL": "c@x.example",
    }
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, **name}
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, author: str = "Ada", date: str = "2026-01-02T03:04:05+01:00") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "change", author=author, date=date)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    write(tmp_path, "docs/a.txt", "docs/deep/ü b.txt", "other.txt")
    commit(tmp_path)
    return tmp_path


def test_each_file_carries_author_and_date_of_the_last_commit_that_touched_it(checkout: Path) -> None:
    write(checkout, "docs/a.txt", text="second")
    head = commit(checkout, author="Grace", date="2026-05-06T07:08:09+00:00")
    a, b, done = read(checkout / "docs", GIT)
    assert isinstance(a, Found)
    assert isinstance(b, Found)
    assert (a.content.raw, a.content.author, a.content.modified) == (
        b"second",
        "Grace",
        datetime.fromisoformat("2026-05-06T07:08:09+00:00"),
    )
    assert (b.content.key, b.content.author) == ("deep/ü b.txt", "Ada")
    assert b.content.modified == datetime.fromisoformat("2026-01-02T03:04:05+01:00")
    assert done == Done(head, complete=True)


def test_uncommitted_edits_and_files_are_not_served(checkout: Path) -> None:
    write(checkout, "docs/a.txt", "docs/new.txt", text="not committed")
    events = read(checkout / "docs", GIT)
    assert keys(events) == ["a.txt", "deep/ü b.txt"]
    assert isinstance(events[0], Found)
    assert events[0].content.raw == b"text"


def test_a_commit_elsewhere_leaves_a_file_the_same(checkout: Path) -> None:
    found = read(checkout / "docs", GIT)[0]
    assert isinstance(found, Found)
    write(checkout, "other.txt", text="changed")
    head = commit(checkout)
    same, _, done = read(checkout / "docs", GIT, known={"a.txt": found.content.fingerprint})
    assert same == Same("a.txt")
    assert done == Done(head, complete=True)


def test_links_and_lfs_pointers_fail_with_a_reason(checkout: Path) -> None:
    (checkout / "docs" / "link.txt").symlink_to("/etc/hostname")
    write(checkout, "docs/large.txt", text="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    commit(checkout)
    failed = {event.key: event.reason for event in read(checkout / "docs", GIT) if isinstance(event, Failed)}
    assert "link or a submodule" in failed["link.txt"]
    assert "Git LFS" in failed["large.txt"]


def test_configuration_of_the_checkout_runs_no_program(checkout: Path) -> None:
    trap = checkout / "ran"
    script = checkout / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch '{trap}'\n")
    script.chmod(0o755)
    for setting in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand"):
        git(checkout, "config", setting, str(script))
    assert len(read(checkout / "docs", GIT)) == 3
    assert not trap.exists()


def test_a_folder_outside_any_checkout_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    with pytest.raises(TerminalSourceError, match="git refused") as caught:
        read(tmp_path, GIT)
    assert str(tmp_path) not in caught.value.message


def test_a_file_over_the_limit_is_refused_by_its_listed_size(checkout: Path) -> None:
    event = only(read(checkout / "docs", {"git": True, "include": ["a.txt"]}, limits=Limits(item_bytes=3)))
    assert isinstance(event, Failed)
    assert "limit" in event.reason
