"""An engine's own process: `python -m benchmarks.speed.child ENGINE CORPUS FOLDER`, spoken to by `protocol.Child`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.speed.corpus import Corpus
from benchmarks.speed.protocol import Engine, serve_lines

ENGINES = {
    "ours": "benchmarks.speed.ours:Ours",
    "haystack": "benchmarks.speed.peer_haystack:Haystack",
    "llamaindex": "benchmarks.speed.peer_llamaindex:LlamaIndex",
    "txtai": "benchmarks.speed.peer_txtai:Txtai",
}
"""Engine -> module and class. Only its own process imports it: the peers live in an environment of their own."""


def engine_of(name: str, corpus: Path, folder: Path) -> Engine:
    """The engine called `name`."""
    module, _, kind = ENGINES[name].partition(":")
    engine: Engine = getattr(importlib.import_module(module), kind)(Corpus(corpus), folder)
    return engine


if __name__ == "__main__":
    serve_lines(engine_of(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
