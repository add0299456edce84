"""Under load less is done for each question, by stated steps; at last questions are refused; and all of it is undone by itself."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from context_service.errors import Overloaded
from context_service.model.workflow import Step, Tier, Workflow
from context_service.retrieval.overload import FIRST_GUESS, Admission


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def admission(slots: int = 2, longest_wait: float = 1.0, clock: Clock | None = None) -> Admission:
    return Admission(slots, longest_wait, clock or Clock())


def steps_of(gate: Admission, inside: ExitStack, requests: int) -> list[Step]:
    return [inside.enter_context(gate.admitted()) for _ in range(requests)]


def test_the_steps_follow_each_other_as_the_queue_grows_and_at_last_it_refuses() -> None:
    gate, inside = admission(), ExitStack()
    with inside:
        steps = steps_of(gate, inside, 22)
        assert steps == sorted(steps)
        assert [steps.count(step) for step in Step] == [7, 5, 10], "0.05 s of waiting for each request before it"
        with pytest.raises(Overloaded) as refused:
            inside.enter_context(gate.admitted())
        assert refused.value.retry_after == 1
        load = gate.load()
        assert (load.inside, load.step, load.refused) == (22, Step.LEAN, 1)
        assert dict(load.admitted) == {Step.FULL: 7, Step.FAST: 5, Step.LEAN: 10}
    assert gate.load().step is Step.FULL


def test_it_recovers_as_the_queue_shrinks_but_not_at_the_height_at_which_it_gave_way() -> None:
    gate = admission()
    waiting = [gate.admitted() for _ in range(12)]
    assert [one.__enter__() for one in waiting][-1] is Step.FAST

    def left(inside: int) -> Step:
        while len(waiting) > inside:
            waiting.pop().__exit__(None, None, None)
        with gate.admitted() as step:
            return step

    assert left(5) is Step.FAST, "a queue that reached this from below was answered in full"
    assert left(3) is Step.FULL
    assert left(5) is Step.FULL


def test_slow_answers_lower_the_step_and_quick_ones_raise_it() -> None:
    clock = Clock()
    gate = admission(clock=clock)

    def answers(seconds: float) -> None:
        for _ in range(60):
            with gate.computing():
                clock.now += seconds

    def third() -> Step:
        with ExitStack() as inside:
            return steps_of(gate, inside, 3)[-1]

    assert third() is Step.FULL
    answers(FIRST_GUESS * 8)
    assert third() is Step.FAST
    answers(FIRST_GUESS / 2)
    assert third() is Step.FULL


def test_a_request_that_fails_leaves_as_one_that_succeeds() -> None:
    gate = admission()
    for _ in range(50):
        with pytest.raises(ValueError, match="asked for"), gate.admitted(), gate.computing():
            raise ValueError("asked for")
    assert gate.load().inside == 0


def test_what_is_free_is_never_refused_however_slow_answers_are() -> None:
    clock = Clock()
    gate = admission(slots=2, clock=clock)
    for _ in range(50):
        with gate.computing():
            clock.now += 3600
    with gate.admitted() as first, gate.admitted() as second:
        assert (first, second) == (Step.FULL, Step.FULL)


def test_threads_leave_nothing_behind() -> None:
    gate = admission(slots=4, longest_wait=1000)

    def ask() -> None:
        for _ in range(200):
            with gate.admitted(), gate.computing():
                pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load = gate.load()
    assert (load.inside, sum(load.admitted.values())) == (0, 1600)


@pytest.mark.parametrize(
    ("ranking", "channel", "step", "tier"),
    [
        ({}, "chat", Step.FULL, Tier.THOROUGH),
        ({}, "voice", Step.FULL, Tier.FAST),
        ({}, "chat", Step.FAST, Tier.FAST),
        ({}, "voice", Step.FAST, Tier.FAST),
        ({}, "voice", Step.LEAN, Tier.NONE),
        ({"chat": "fast"}, "chat", Step.FULL, Tier.FAST),
        ({"chat": "fast"}, "voice", Step.FULL, Tier.FAST),
        ({"*": "thorough"}, "voice", Step.FULL, Tier.THOROUGH),
        ({"*": "none", "voice": "fast"}, "email", Step.FAST, Tier.NONE),
    ],
)
def test_the_tier_hangs_on_the_channel_and_the_step(ranking: dict[str, Tier], channel: str, step: Step, tier: Tier) -> None:
    workflow = Workflow.model_validate({"id": "w", "title": "W", "ranking": ranking})
    assert workflow.tier(channel, step) is tier


def test_without_candidates_for_the_cross_encoder_the_fast_tier_answers() -> None:
    assert Workflow(id="w", title="W", rerank=0).tier("chat") is Tier.FAST
