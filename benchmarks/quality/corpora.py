"""The sets: documents as a company has them, questions, and the places that answer them. Read in place, never copied."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.qa_sets import SHARED, QuestionSet, docs, feedback

LABELS = Path(__file__).resolve().parents[1] / "labels"
POLICIES = SHARED.parent / "policies"

VERSIONED = {
    "refund": "refund/index.md",
    "refund-hey": "refund/hey/index.md",
    "cancellation": "cancellation/index.md",
    "ownership-bc3": "ownership-bc3/index.md",
    "abuse": "abuse/index.md",
    "sla": "sla/index.md",
}
"""Policies that stand in the set of versions: folder of their history -> file of today."""

PRODUCT = {"refund/index.md": "Basecamp", "refund/hey/index.md": "HEY"}
"""The two refund policies, and whose customers each is for."""


class Missing(Exception):
    """A set is not beside this checkout."""


@dataclass(frozen=True)
class Place:
    """Where an answer stands: a document, and words in it; without words, the whole document."""

    document: str
    quote: str = ""

    def within(self, document: str, text: str) -> bool:
        """Whether `text`, a piece of `document`, holds it."""
        return document == self.document and plain(self.quote) in plain(text)


@dataclass(frozen=True)
class Asked:
    """A question, and for each of its parts the places that answer it. A question nothing answers has no parts."""

    question: str
    parts: tuple[tuple[Place, ...], ...] = ()
    kind: str = "plain"
    attributes: tuple[tuple[str, str], ...] = ()
    """What the agent knows of the customer."""

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them, numbered by their order."""
        return tuple(place for part in self.parts for place in part)

    @property
    def known(self) -> dict[str, str]:
        """What the agent knows of the customer, by attribute."""
        return dict(self.attributes)


@dataclass(frozen=True)
class Corpus:
    """Files by their key in the one source, and what is asked of them. `rules` and `company` are lines of YAML for its declarations."""

    name: str
    files: Mapping[str, bytes]
    asked: tuple[Asked, ...]
    unanswerable: tuple[str, ...] = ()
    rules: str = ""
    company: str = ""

    def thinned(self, every: int) -> Corpus:
        """Every so-manieth question of each kind."""
        return replace(self, asked=self.asked[::every], unanswerable=self.unanswerable[::every])


def plain(text: str) -> str:
    """Words as they are compared: white space and typographic quotes do not count."""
    return " ".join(text.replace("’", "'").replace("“", '"').replace("”", '"').split())


def documentation() -> Corpus:
    """Software documentation, one document a chunk."""
    _there(SHARED / "docs")
    return _of_passages(docs(), _unanswerable("docs"))


def authority(source: str) -> Corpus:
    """Public-health pages of `WHO` or `Australia`."""
    _there(SHARED / "feedback")
    return _of_passages(feedback(source), ())


def both_authorities(*, applicable: bool = True) -> Corpus:
    """Both authorities' pages; what Australia's say holds there, if `applicable`. Each question comes from where its authority is asked."""
    _there(SHARED / "feedback")
    sides = {name: _of_passages(feedback(name), (), f"{name.casefold()}/") for name in ("WHO", "Australia")}
    regions = {"WHO": "US", "Australia": "AU"}
    return Corpus(
        name="both authorities",
        files={key: raw for side in sides.values() for key, raw in side.files.items()},
        asked=tuple(replace(one, attributes=(("region", regions[name]),)) for name, side in sides.items() for one in side.asked),
        rules='  - {match: "australia/*", applicability: {regions: [AU]}}\n' if applicable else "",
        company="regions: {AU: [], US: []}\n",
    )


def policies() -> Corpus:
    """A software company's policies, as files."""
    root = _there(POLICIES / "current")
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.md")) if path.name == "index.md"}
    return Corpus("policies", files, tuple(_labelled("policies_questions.jsonl")), _unanswerable("policies"))


def versions(*, declared: bool = True) -> Corpus:
    """Policies of today beside two older versions of each. With `declared`, their days and the product of the two refund policies are."""
    root = _there(POLICIES / "history")
    files = {key: (POLICIES / "current" / key).read_bytes() for key in VERSIONED.values()}
    rules: list[str] = []
    for name, today in VERSIONED.items():
        days = editions(name)
        files |= {f"history/{name}/{day}.md": (root / name / f"{day}.md").read_bytes() for day in days}
        rules += _rules(name, today, days) if declared else []
    asked = (one for one in _labelled("policies_questions.jsonl") if all(place.document in files for place in one.places))
    of_product = (replace(one, attributes=tuple(("product", name) for name in _products(one))) for one in asked if len(_products(one)) < 2)
    return Corpus("versions", files, tuple(of_product), (), "\n".join(rules) + "\n" if rules else "", "products: [Basecamp, HEY]\n")


def editions(name: str) -> tuple[date, ...]:
    """The first version of a policy and the one in the middle of its history."""
    days = _days(name)
    return days[0], days[len(days) // 2]


def _days(name: str) -> list[date]:
    return sorted(date.fromisoformat(path.stem) for path in (POLICIES / "history" / name).glob("*.md"))


def _products(asked: Asked) -> list[str]:
    return sorted({PRODUCT[place.document] for place in asked.places if place.document in PRODUCT})


def _rules(name: str, today: str, days: tuple[date, ...]) -> Iterator[str]:
    """From when to when each version holds, and for customers of which product. Today's holds since the last."""
    product = f", applicability: {{products: [{PRODUCT[today]}]}}" if today in PRODUCT else ""
    starts = [*days, _days(name)[-1]]
    for begun, over in pairwise(starts):
        until = over - timedelta(days=1)
        yield f'  - {{match: "history/{name}/{begun}.md", effective: {{from: {begun}, to: {until}}}{product}}}'
    yield f'  - {{match: "{today}", effective: {{from: {starts[-1]}}}{product}}}'


def _there(path: Path) -> Path:
    if not path.is_dir():
        raise Missing(f"the shared data ({path.parent.name}/{path.name}) is not beside this checkout")
    return path


def _labelled(name: str) -> Iterable[Asked]:
    for row in _rows(name):
        parts = tuple(tuple(Place(place["document"], place["quote"]) for place in part) for part in row["gold"])
        yield Asked(row["question"], parts, row["kind"])


def _unanswerable(corpus: str) -> tuple[str, ...]:
    return tuple(row["question"] for row in _rows("unanswerable.jsonl") if row["of"] == corpus)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELS / name).read_text("utf-8").splitlines()]


def _of_passages(questions: QuestionSet, unanswerable: tuple[str, ...], folder: str = "") -> Corpus:
    """Each passage a page under its own title and headings, as the docs connector reads it."""
    keys = {passage: f"{folder}{number:04}.md" for number, passage in enumerate(questions.passages)}
    texts = {keys[passage]: _page(*headed) for passage, headed in questions.passages.items()}
    alike: dict[str, list[str]] = {}
    for passage, (_, text) in questions.passages.items():
        alike.setdefault(plain(text), []).append(keys[passage])
    asked = (
        Asked(question, (tuple(Place(key) for passage in sorted(gold) for key in alike[plain(questions.passages[passage][1])]),))
        for question, gold in questions.questions
    )
    return Corpus(questions.name, texts, tuple(asked), unanswerable)


def _page(header: str, text: str) -> bytes:
    title, *headings = header.split(" › ")
    sections = "".join(f"{'#' * min(depth, 6)} {heading}\n\n" for depth, heading in enumerate(headings, 1))
    return f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n{sections}{text}\n".encode()
