"""Copies of one text, be it with an edit, take one place in an answer, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from context_service.app import App
from context_service.ingest.progress import Silent
from context_service.model.context import ContextReply, ContextRequest
from tests.companies import AGENT
from tests.flows.disputes import FILES, Clock, open_company, write

QUESTION = "How do I reset the garden camera?"
STORY = (
    "To reset the garden camera, unplug the garden camera before you begin with the reset. Push a straightened paper clip into the hole "
    "beneath the {part}. Hold it there until the light beside the lens turns white. The garden camera starts anew while the light is "
    "blinking. Open the app on your phone after the light turns green, and follow the steps that the app shows on the screen."
)
SIDES, THINGS = ("front", "rear", "upper", "lower", "outer", "inner"), ("cover", "lens", "flap", "lid", "rim")
PARTS = [f"{side} {thing}" for side in SIDES for thing in THINGS]
OTHERS = {
    "battery": "The garden camera keeps its recordings after a reset, also when its battery is taken out.",
    "account": "Whoever forgot the password of the garden camera can reset it in the account.",
    "remote": "From afar, the app can reset a garden camera that does not answer.",
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Thirty help pages that copied one instruction of the handbook, each with an edit, and three texts on other things."""
    copies = {f"helpcenter/texts/reset-{number:02}.txt": STORY.format(part=part) for number, part in enumerate(PARTS)}
    texts = copies | {f"handbook/texts/{name}.txt": text for name, text in OTHERS.items()}
    texts["handbook/texts/reset.txt"] = STORY.format(part="lens")
    for name, text in (FILES | texts).items():
        write(tmp_path / name, text)
    with open_company(tmp_path, Clock()) as app:
        app.ingest([], "test", Silent())
        yield app


def ask(app: App) -> ContextReply:
    return app.answer(ContextRequest(query=QUESTION, workflow="refund"), AGENT)


def test_of_many_copies_the_most_authoritative_is_told_and_no_other(app: App) -> None:
    told = [item.document for item in ask(app).items]
    assert [document for document in told if "reset" in document] == ["handbook:reset.txt"]


def test_what_is_no_copy_is_told_beside_it(app: App) -> None:
    told = {item.document for item in ask(app).items}
    assert {f"handbook:{name}.txt" for name in OTHERS} <= told
