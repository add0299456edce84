"""The house: imports point one way, functions and modules stay small enough to proofread."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("context_service", "ingestors", "benchmarks")
LONGEST_FUNCTION = 80
LONGEST_MODULE = 500

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def functions() -> Iterator[tuple[str, int]]:
    """Name and length in lines of every function, its decorators left out."""
    for module, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                yield f"{module}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_imports_point_one_way() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_no_function_is_longer_than_a_screen() -> None:
    assert {name: length for name, length in functions() if length > LONGEST_FUNCTION} == {}


def test_half_of_the_functions_are_at_most_ten_lines() -> None:
    assert median(length for _, length in functions()) <= 10


def test_no_module_is_longer_than_what_one_reads_at_once() -> None:
    lengths = {module: text.count("\n") for module, text in modules()}
    assert {module: length for module, length in lengths.items() if length > LONGEST_MODULE} == {}
    assert len(lengths) > 50
