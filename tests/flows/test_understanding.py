"""A turn with two questions gets both answers, however many texts speak of the first."""

from __future__ import annotations

from pathlib import Path

from tests.flows.small import SmallCompany, ask, documents

LAMP = "Return a lamp of series {0}: the lamp and its parcel go to the return desk number {0}."
TEXTS = {f"lamp-{number}": LAMP.format(number) for number in range(20)}
TEXTS["invoice"] = "We send an invoice by letter each quarter."
RETURN, INVOICE = "Where does a return of my lamp go?", "When do you send an invoice?"


def test_both_questions_of_a_turn_are_answered(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path, TEXTS)
    company.ingest()
    with company.open() as app:
        told = documents(ask(app, f"{RETURN} {INVOICE}"))
        assert "notes:invoice.txt" in told[:2]
        assert any("lamp" in document for document in told[:2])
        assert documents(ask(app, INVOICE))[0] == "notes:invoice.txt"


def test_a_turn_is_answered_the_same_way_twice(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path, TEXTS)
    company.ingest()
    with company.open() as app:
        first, second = (ask(app, f"{RETURN} {INVOICE}") for _ in range(2))
        assert first.items == second.items
        assert first.confidence == second.confidence
