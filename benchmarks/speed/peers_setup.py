"""Makes the environment of the peers: `python -m benchmarks.speed.peers_setup FOLDER`. Takes some 2 GB and a few minutes."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

TORCH = "torch==2.13.0"
"""First, and in this version: a plain `torch` brings gigabytes of CUDA packages where a CPU build is offered beside it."""

PACKAGES = [
    "haystack-ai>=3.4,<4",
    "qdrant-haystack>=13,<14",
    "llama-index-core>=0.14,<0.15",
    "llama-index-retrievers-bm25>=0.8,<0.9",
    "txtai>=9.14,<10",
    "fastapi",
    "uvicorn",
    "onnxruntime",
    "tokenizers",
    "psutil",
    "snowballstemmer",
    "structlog",
]
"""The peers, and what their processes need of this project: its embedder and its terms."""


def main() -> None:
    """Create the environment and install."""
    folder = Path(sys.argv[1])
    venv.create(folder, with_pip=True)
    for wanted in ([TORCH], PACKAGES):
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)


if __name__ == "__main__":
    main()
