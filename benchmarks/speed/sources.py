"""The real texts that the corpus is made of, read in place from the shared data folder beside the checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks import qa_sets
from benchmarks.speed.corpus import Passage, passages
from context_service.text import sentences

POLICIES = Path(__file__).resolve().parents[3] / "shared" / "data" / "policies"


def available() -> bool:
    """Whether the shared data is there."""
    return POLICIES.is_dir() and qa_sets.available()


def base() -> list[Passage]:
    """Stretches of policies, of public-health pages and of software documentation."""
    return passages(_documents(), lambda text: [text[start:end] for start, end in sentences(text)])


def _documents() -> Iterator[tuple[str, str]]:
    for path in sorted(POLICIES.rglob("*.md")):
        text = re.sub(r"^---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield path.parent.name.replace("-", " ").capitalize(), text
    for questions in (qa_sets.docs(), qa_sets.feedback("WHO"), qa_sets.feedback("Australia")):
        yield from questions.passages.values()
