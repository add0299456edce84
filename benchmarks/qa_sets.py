"""Question sets that nobody on this project wrote, read in place from the shared data folder beside the checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "qa"


@dataclass(frozen=True)
class QuestionSet:
    """Passages by id, and questions with the ids of the passages that answer them."""

    name: str
    passages: dict[str, tuple[str, str]]
    """Passage id -> (header, text)."""
    questions: list[tuple[str, frozenset[str]]]


def available() -> bool:
    """Whether the shared data is there."""
    return SHARED.is_dir()


def docs() -> QuestionSet:
    """Software documentation: 232 chunks, 100 questions."""
    chunks = _read("docs/anthropic_docs.json")
    questions = _read("docs/docs_evaluation_dataset.json")
    return QuestionSet(
        "docs",
        {chunk["chunk_link"]: (chunk["chunk_heading"], chunk["text"]) for chunk in chunks},
        [(question["question"], frozenset(question["correct_chunks"])) for question in questions],
    )


def feedback(source: str) -> QuestionSet:
    """Public-health passages of one authority (`WHO` or `Australia`), with its validation questions."""
    data = _read(f"feedback/{source}-valid.json")
    passages = {str(passage["passage_id"]): _passage(passage["reference"]) for passage in data["passages"]}
    questions = [(example["question"], frozenset({str(example["passage_id"])})) for example in data["examples"]]
    return QuestionSet(f"feedback {source}", passages, questions)


def _passage(reference: dict[str, Any]) -> tuple[str, str]:
    header = " › ".join([reference["page_title"], *[one for one in reference["section_headers"] if one]])
    return header, reference["section_content"]


def _read(name: str) -> Any:
    return json.loads((SHARED / name).read_text(encoding="utf-8"))
