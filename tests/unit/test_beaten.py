"""How many of the texts that lost are read with those that won."""

from __future__ import annotations

from context_service.retrieval.select import _beaten


def test_every_winner_has_its_nearest_loser_read_before_any_has_a_second() -> None:
    assert _beaten([("z", "y", "x"), (), ("b", "a")], 2) == ["b", "z"]
    assert _beaten([("z", "y", "x"), (), ("b", "a")], 3) == ["b", "y", "z"]


def test_what_several_winners_beat_is_read_once() -> None:
    assert _beaten([("a", "b"), ("a", "c")], 3) == ["a", "b", "c"]


def test_however_many_lost_no_more_are_read_than_may_be() -> None:
    losers = [tuple(f"{winner}-{loser}" for loser in range(30)) for winner in range(12)]
    assert len(_beaten(losers, 12)) == len({name.split("-")[0] for name in _beaten(losers, 12)}) == 12
    assert _beaten([], 12) == []
