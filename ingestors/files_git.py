"""Folders inside a git checkout, read as committed: lineage is a commit, and uncommitted edits are not served.

Listing, content, author and date all come from HEAD. Git runs without a shell, hooks, pager, terminal or network.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from context_service.errors import TerminalSourceError, TransientSourceError
from ingestors.files_listing import Item, Listing, Refused

SAFE = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false", "protocol.allow=never", "log.showSignature=false")
SECONDS = 120.0
"""Longest time one git command may take."""
FILE_MODES = ("100644", "100755")
LARGE_FILE_POINTER = b"version https://git-lfs.github.com/spec/"


def list_checkout(folder: Path, wanted: Callable[[str], bool]) -> Listing:
    """The wanted files of HEAD below `folder`; the cursor is HEAD's commit.

    Raises TerminalSourceError where the folder is not in a checkout with a commit, or git is not installed.
    """
    head = _git(folder, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    listing = Listing(cursor=head)
    for record in _git(folder, "ls-tree", "-r", "-l", "-z", head, ".").split(b"\0"):
        if record:
            _add(listing, folder, record, wanted)
    _date(listing, folder, head)
    return listing


def _add(listing: Listing, folder: Path, record: bytes, wanted: Callable[[str], bool]) -> None:
    described, _, name = record.partition(b"\t")
    mode, _, blob, size = described.decode().split()
    key = os.fsdecode(name)
    if not wanted(key):
        return
    if mode not in FILE_MODES:
        listing.items[key] = Refused(key, "it is a link or a submodule. Commit the file itself.")
        return
    listing.items[key] = Item(key, int(size), blob, lambda limit: _blob(folder, blob, limit))


def _blob(folder: Path, blob: str, limit: int) -> bytes:
    raw = _git(folder, "cat-file", "blob", blob)
    if raw.startswith(LARGE_FILE_POINTER):
        raise TerminalSourceError("Git LFS holds its content elsewhere.", remedy="Commit the file itself.")
    return raw[: limit + 1]


def _date(listing: Listing, folder: Path, head: str) -> None:
    """Give each file the author and date of the last commit that touched it."""
    undated = {key for key, item in listing.items.items() if isinstance(item, Item)}
    log = _git(folder, "log", "--format=%x01%aI%x02%an", "--name-only", "--no-renames", "--relative", "-z", head, "--", ".")
    for commit in log.decode("utf-8", "surrogateescape").split("\x01")[1:]:
        described, *names = commit.split("\0")
        moment, _, author = described.partition("\x02")
        for name in names:
            key = name.removeprefix("\n")
            item = listing.items.get(key)
            if key in undated and isinstance(item, Item):
                undated.discard(key)
                listing.items[key] = replace(item, modified=datetime.fromisoformat(moment), author=author)


def _git(folder: Path, *arguments: str) -> bytes:
    options = [part for setting in SAFE for part in ("-c", setting)]
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; no argument comes from a file's content
            ["git", "--no-pager", *options, *arguments],  # noqa: S607 - git is where the operator's PATH says
            cwd=folder,
            env=inherited | quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise TerminalSourceError("options.git needs git, which is not installed.", remedy="Install git.") from error
    except subprocess.TimeoutExpired as error:
        raise TransientSourceError(f"git took longer than {SECONDS:.0f} s.", remedy="The next sync tries again.") from error
    if done.returncode != 0:
        complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = complaint[0] if complaint else f"exit {done.returncode}"
        raise TerminalSourceError(
            f"git refused: {reason.replace(str(folder), 'the folder')}.",
            remedy="Set options.git only for a folder inside a checkout with a commit that the service's user owns.",
        )
    return done.stdout
