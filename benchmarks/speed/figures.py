"""Figures out of what was measured: pure functions, and the results as they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """Milliseconds at three points of a distribution, and of how many."""

    p50: float
    p95: float
    p99: float
    count: int


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed: one of the values, by nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    rank = -(-len(ordered) * round(share * 1000) // 1000)
    return ordered[min(len(ordered), max(1, rank)) - 1]


def spread(values: Sequence[float]) -> Spread:
    """The usual three percentiles."""
    p50, p95, p99 = (round(percentile(values, share), 3) for share in (0.5, 0.95, 0.99))
    return Spread(p50, p95, p99, len(values))


def recall(found: Sequence[str], exact: Sequence[str]) -> float:
    """The part of the exact answer that was found; 1.0 where nothing was to be found."""
    return len(set(found) & set(exact)) / len(exact) if exact else 1.0


@dataclass
class Result:
    """One engine at one size. Keys are shares of the corpus that a filter admits, or `variant share`."""

    engine: str
    size: int
    build_seconds: float | None = None
    disk_mib: float | None = None
    cold_start_seconds: float | None = None
    memory_mib: float | None = None
    retrieval: dict[str, Spread] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)
    returned: dict[str, float] = field(default_factory=dict)
    context: dict[str, Spread] = field(default_factory=dict)
    crowd: dict[str, Spread] = field(default_factory=dict)
    per_second: dict[str, float] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    """Requests that were answered with 429."""
    ran: dict[str, dict[str, int]] = field(default_factory=dict)
    """How often each tier of reranking ran, as the answers say it."""
    stages: dict[str, dict[str, Spread]] = field(default_factory=dict)
    floor: dict[str, Spread] = field(default_factory=dict)
    overhead: dict[str, Spread] = field(default_factory=dict)
    reason: str | None = None
    """Why the engine has no figures, or not all."""

    @property
    def chunks_per_second(self) -> float | None:
        """How fast the corpus was brought in, its vectors given."""
        return self.size / self.build_seconds if self.build_seconds else None


def save(path: Path, about: Mapping[str, object], results: Sequence[Result]) -> None:
    """Write results as JSON."""
    path.write_text(json.dumps({"about": about, "results": [asdict(one) for one in results]}, indent=1))


def load(path: Path) -> list[Result]:
    """The results that were saved; none where nothing was."""
    if not path.exists():
        return []
    return [_result(raw) for raw in json.loads(path.read_text())["results"]]


def _result(raw: dict[str, object]) -> Result:
    for name in ("retrieval", "context", "crowd", "floor", "overhead"):
        raw[name] = {key: Spread(**one) for key, one in raw[name].items()}  # type: ignore[attr-defined]
    raw["stages"] = {key: {stage: Spread(**one) for stage, one in stages.items()} for key, stages in raw["stages"].items()}  # type: ignore[attr-defined]
    return Result(**raw)  # type: ignore[arg-type]
