"""What the peers share: the same embedder in their processes, and the smallest HTTP service that a user would put around a library."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.speed.corpus import Corpus, Question
from benchmarks.speed.protocol import Request
from context_service.embedding.onnx import OnnxEmbedder
from context_service.embedding.weights import KNOWN, Located

MODEL = "all-minilm-l6-v2"
ITEMS = 6
"""Texts in an answer, as this service gives by default."""

MODEL_VARIABLES = ("BENCHMARK_MODEL", "BENCHMARK_TOKENIZER")


def embedder() -> OnnxEmbedder:
    """The embedder of this project on the files that the parent process names: the same vectors, at the same cost."""
    model, tokenizer = (Path(os.environ[name]) for name in MODEL_VARIABLES)
    return OnnxEmbedder(Located(model, tokenizer, MODEL, KNOWN[MODEL]), 2)


class Ask(BaseModel):
    """A question over HTTP: the text, and what the caller may read."""

    query: str
    labels: list[str]
    regions: list[str]


Answer = Callable[[Question, int], list[tuple[str, str]]]
"""Id and text of the best chunks for a question."""


class Peer:
    """The part of an engine that is the same for every library. See `protocol.Engine`."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        self.corpus = corpus
        self.folder = folder
        self.questions = corpus.questions()

    def found(self, question: Question, limit: int) -> list[tuple[str, str]]:
        """Id and text of the best chunks."""
        raise NotImplementedError

    def retrieve(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        return [name for name, _ in self.found(self.questions[question], limit)]

    def variants(self) -> list[str]:
        """See Engine."""
        return ["none"]

    def serve(self, port: int) -> None:
        """See Engine."""
        server = uvicorn.Server(uvicorn.Config(service(self.found), host="127.0.0.1", port=port, log_level="warning"))
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.01)

    def request(self, question: int, variant: str) -> Request:  # noqa: ARG002 - there is one variant
        """See Engine."""
        asked = self.questions[question]
        return "/context", {}, {"query": asked.text, "labels": list(asked.labels), "regions": list(asked.regions)}

    def processes(self) -> list[int]:
        """See Engine."""
        return []


def service(found: Answer) -> FastAPI:
    """A service that returns the best texts."""
    api = FastAPI()

    @api.post("/context")
    def ask(request: Ask) -> dict[str, list[dict[str, str]]]:
        question = Question(request.query, "", tuple(request.labels), "", tuple(request.regions))
        return {"items": [{"chunk": name, "text": text} for name, text in found(question, ITEMS)]}

    return api
