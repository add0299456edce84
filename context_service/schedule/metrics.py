"""Figures for Prometheus, read from the records when they are asked for, so that every process gives the same ones; but those of the
load, which are of the process that is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from context_service.model.context import Freshness
from context_service.schedule.board import Board, SourceFreshness

PREFIX = "context_"
Figure = Callable[[SourceFreshness], float | None]


@dataclass(frozen=True)
class Answering:
    """How this process copes with what it is asked: requests inside, the step of load, requests so far by step, and those refused."""

    inside: int
    step: int
    admitted: Mapping[str, int]
    refused: int


def exposition(
    board: Board, events: Mapping[tuple[str, str], int], deliveries: Mapping[str, int], release: int, answering: Answering
) -> bytes:
    """Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(board, events, deliveries, release, answering))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(
        self, board: Board, events: Mapping[tuple[str, str], int], deliveries: Mapping[str, int], release: int, answering: Answering
    ) -> None:
        self._board = board
        self._events = events
        self._deliveries = deliveries
        self._release = release
        self._answering = answering

    def collect(self) -> Iterator[Metric]:
        """Every figure."""
        yield GaugeMetricFamily(f"{PREFIX}release", "Number of the current release.", self._release)
        yield GaugeMetricFamily(f"{PREFIX}schedule_runs", "Whether some process runs the schedule.", float(self._board.schedule_runs))
        yield self._states()
        yield self._of_source("source_check_age_seconds", "Age of the last successful check.", lambda one: _age(one, self._board.at))
        yield self._of_source("source_failures", "Failed syncs in a row.", lambda one: float(one.failures))
        yield self._of_source("source_paused", "Whether its schedule is paused.", lambda one: float(one.paused is not None))
        yield self._lags()
        yield GaugeMetricFamily(f"{PREFIX}requests_inside", "Requests for context in this process.", self._answering.inside)
        yield GaugeMetricFamily(f"{PREFIX}load_step", "0 full, 1 fast, 2 lean.", float(self._answering.step))
        yield CounterMetricFamily(f"{PREFIX}requests_refused", "Requests for context answered 429.", value=self._answering.refused)
        yield self._answered()
        yield self._told()
        yield self._delivered()

    def _states(self) -> Metric:
        family = GaugeMetricFamily(f"{PREFIX}source_freshness", "1 for the state that a source is in.", labels=["source", "state"])
        for one in self._board.sources:
            for state in Freshness:
                family.add_metric([one.source, state.value], float(one.state is state))
        return family

    def _answered(self) -> Metric:
        family = CounterMetricFamily(f"{PREFIX}requests_admitted", "Requests for context by step of load.", labels=["step"])
        for step, count in self._answering.admitted.items():
            family.add_metric([step], count)
        return family

    def _told(self) -> Metric:
        family = CounterMetricFamily(f"{PREFIX}freshness_events", "Breaches and recoveries.", labels=["source", "kind"])
        for names, count in sorted(self._events.items()):
            family.add_metric(list(names), count)
        return family

    def _delivered(self) -> Metric:
        family = GaugeMetricFamily(f"{PREFIX}webhook_deliveries", "Deliveries by state.", labels=["state"])
        for state, count in sorted(self._deliveries.items()):
            family.add_metric([state], count)
        return family

    def _lags(self) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}change_to_served_seconds", "From a change at the source to its being served.", labels=["source", "quantile"]
        )
        for one in self._board.sources:
            for quantile, seconds in (("0.5", one.lag.p50_seconds), ("0.95", one.lag.p95_seconds)):
                if seconds is not None:
                    family.add_metric([one.source, quantile], seconds)
        return family

    def _of_source(self, name: str, meaning: str, figure: Figure) -> Metric:
        family = GaugeMetricFamily(PREFIX + name, meaning, labels=["source"])
        for one in self._board.sources:
            if (value := figure(one)) is not None:
                family.add_metric([one.source], value)
        return family


def _age(one: SourceFreshness, now: datetime) -> float | None:
    return (now - one.checked_at).total_seconds() if one.checked_at else None
