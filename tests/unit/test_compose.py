"""`docker-compose.yml` is one that Docker Compose takes, with health checks and volumes for everything that keeps something."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"


def compose() -> list[str]:
    """The command there is; skips where there is none."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    pytest.skip("Docker Compose is not here; install docker-compose to run this (CI does)")


def config(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([*compose(), "-f", str(FILE), "config", "-q"], env=environment, cwd=ROOT, capture_output=True, text=True)


def test_docker_compose_takes_the_file() -> None:
    result = config(POSTGRES_PASSWORD="only-for-this-test")
    assert result.returncode == 0, result.stderr


def test_without_a_password_nothing_is_brought_up() -> None:
    result = config(POSTGRES_PASSWORD="")
    assert result.returncode != 0
    assert "POSTGRES_PASSWORD" in result.stderr


def test_every_service_has_a_health_check_and_what_keeps_something_a_volume() -> None:
    declared: dict[str, Any] = YAML(typ="safe").load(FILE.read_text())
    assert declared["services"].keys() == {"service", "postgres", "qdrant"}
    for service in declared["services"].values():
        assert service["healthcheck"]["test"]
        assert any(str(volume).split(":")[0] in declared["volumes"] for volume in service["volumes"])
