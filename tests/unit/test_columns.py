"""Values that are read again and again are parsed once, and never out of date."""

from __future__ import annotations

from context_service.model.release import View
from context_service.records.columns import dump, load_shared

STORED = dump(View(base=1, draft=2))


def test_one_stored_text_is_parsed_once() -> None:
    assert load_shared(View, STORED, draft=3) is load_shared(View, STORED, draft=3)


def test_another_column_or_another_text_gives_another_value() -> None:
    assert load_shared(View, STORED).draft == 2
    assert load_shared(View, STORED, draft=3).draft == 3
    assert load_shared(View, STORED, draft=None).draft is None
    assert load_shared(View, dump(View(base=4, draft=2))).base == 4
