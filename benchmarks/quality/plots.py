"""The reliability diagram: what was said against what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Drawn:
    """The files of a diagram, or why there are none."""

    paths: tuple[Path, ...] = ()
    reason: str = ""


def reliability_diagram(tiers: Mapping[str, Sequence[Mapping[str, float]]], folder: Path) -> Drawn:
    """Write the diagram as PNG and SVG; nothing where there are no figures or matplotlib is not installed."""
    if not tiers:
        return Drawn(reason="not drawn, there is no curve")
    try:
        import matplotlib as mpl
    except ImportError:
        return Drawn(reason="not drawn, matplotlib is not installed (it is in the extra `benchmarks`)")
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="what is said holds")
    for name, bins in tiers.items():
        axes.plot([one["said"] for one in bins], [one["was"] for one in bins], marker="o", label=name)
    axes.set_xlabel("confidence in the reply")
    axes.set_ylabel("share of questions whose answer was told")
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"reliability.{suffix}" for suffix in ("png", "svg"))
    for path in paths:
        figure.savefig(path, bbox_inches="tight")
    pyplot.close(figure)
    return Drawn(paths)
