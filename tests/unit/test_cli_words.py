"""What the commands say without a company to work on: help, versions, faults in declarations and settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from context_service import __version__
from context_service.cli.main import app

COMMANDS = ("demo", "init", "validate", "ingest", "ask", "serve", "register", "reindex", "doctor")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def company(tmp_path: Path) -> Path:
    assert run("init", str(tmp_path)).exit_code == 0
    return tmp_path / "context.yaml"


def test_help_names_every_command() -> None:
    said = run("--help").output
    assert all(command in said for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_options(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    options = [line for line in result.output.splitlines() if line.strip().startswith("--")]
    assert options
    assert all(len(line.split("  ")) > 1 or line.strip() == "--help" for line in options), "an option without a word on it"


def test_the_version_is_told() -> None:
    assert run("--version").output.strip() == __version__


def test_what_init_writes_is_well(company: Path) -> None:
    result = run("validate", "--config", str(company))
    assert (result.exit_code, result.output) == (0, "1 sources and 1 workflows are well.\n")


def test_init_overwrites_nothing(company: Path) -> None:
    company.write_text("mine")
    result = run("init", str(company.parent))
    assert result.exit_code == 1
    assert "is there already. Choose an empty folder." in result.stderr
    assert company.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("sources/handbook/source.yaml", "authority: policy", "authority: gospel", "source.yaml:5:1: `gospel` is not a declared"),
        ("sources/handbook/source.yaml", "owner: support-team\n", "", "source.yaml:1:1: `owner`"),
        ("sources/handbook/source.yaml", "kind: docs", "kind: docs\nkiind: docs", "source.yaml:3:1: `kiind`"),
        ("workflows/refund.yaml", 'sources: "*"', "sources: [nowhere]", "refund.yaml:3:1: No source `nowhere`"),
        ("context.yaml", "plans: []", "plans: [", "context.yaml:9:1: The YAML cannot be read"),
    ],
)
def test_a_fault_is_told_with_file_line_and_column(company: Path, name: str, old: str, new: str, said: str) -> None:
    path = company.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    result = run("validate", "--config", str(company))
    assert result.exit_code == 1
    assert said in result.stderr


def test_every_fault_is_told_at_once(company: Path) -> None:
    for name in ("sources/handbook/source.yaml", "workflows/refund.yaml"):
        path = company.parent / name
        path.write_text(path.read_text() + "nonsense: 1\n")
    lines = run("validate", "--config", str(company)).stderr.splitlines()
    assert len(lines) == 2
    assert all("nonsense" in line for line in lines)


@pytest.mark.parametrize("name", ["context", "source", "workflow"])
def test_the_schemas_are_json_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(run("validate", "--schema", name).output))


def test_an_unknown_schema_is_refused_with_those_there_are() -> None:
    result = run("validate", "--schema", "sauce")
    assert result.exit_code == 2
    assert "choose one of context, source, workflow" in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", [["ingest"], ["reindex"], ["doctor"], ["serve"], ["demo", "--exit"], ["validate"]])
def test_a_wrong_setting_is_told_in_one_line_with_its_name(tmp_path: Path, command: list[str]) -> None:
    result = run(*command, CONTEXT_PORT="harbour", CONTEXT_DATA=str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: CONTEXT_PORT is wrong: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["ingest"], ["reindex"], ["serve"], ["ask", "Why?", "-w", "refund"], ["register", "a"]])
def test_a_missing_company_is_told_in_one_line(tmp_path: Path, command: list[str]) -> None:
    result = run(*command, CONTEXT_CONFIG=str(tmp_path / "context.yaml"), CONTEXT_DATA=str(tmp_path / "data"))
    assert result.exit_code == 1
    assert "context.yaml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_doctor_tells_what_to_do_about_each_finding(tmp_path: Path) -> None:
    settings = {
        "CONTEXT_CONFIG": str(tmp_path / "context.yaml"),
        "CONTEXT_DATA": str(tmp_path / "data"),
        "CONTEXT_EMBEDDER": "onnx:unheard-of",
        "CONTEXT_RERANKER": "none",
        "COLUMNS": "300",
    }
    result = run("doctor", **settings)
    assert result.exit_code == 1
    findings = [line for line in result.output.splitlines() if line.strip().startswith("✗")]
    assert [line.split()[1] for line in findings] == ["declarations", "embedder", "records"]
    assert all(line.rstrip().endswith(".") for line in findings), "each ends with its remedy"
