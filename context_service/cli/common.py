"""What the commands share: where they write, which settings they take, how failures are told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from context_service.app import App, open_app
from context_service.errors import ContextServiceError, InvalidRequest
from context_service.model.access import Principal
from context_service.settings import Settings

out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="The company's context.yaml. Default: CONTEXT_CONFIG.")]
DataOption = Annotated[Path | None, typer.Option("--data", "-d", help="Folder of the embedded stores. Default: CONTEXT_DATA.")]
KeyOption = Annotated[str, typer.Option("--key", envvar="CONTEXT_KEY", help="Your key. Default: CONTEXT_KEY.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with it and shown to whoever looks.")]


def read_settings(config: Path | None, data: Path | None) -> Settings:
    """The settings, with what the command line gives in their place. Raises InvalidRequest."""
    given = {name: value for name, value in (("config", config), ("data", data)) if value is not None}
    try:
        return Settings().model_copy(update=given)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"CONTEXT_{first['loc'][0]}".upper()
        raise InvalidRequest(f"{name} is wrong: {first['msg']}.", remedy="Mend it in the environment or in .env.", field=name) from None


@contextmanager
def told() -> Iterator[None]:
    """Errors of ours become one line and exit status 1."""
    try:
        yield
    except ContextServiceError as error:
        err.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@contextmanager
def service(config: Path | None, data: Path | None) -> Iterator[App]:
    """The service over the settings; its errors are told."""
    with told(), open_app(read_settings(config, data)) as opened:
        yield opened


@contextmanager
def service_as(key: str, config: Path | None, data: Path | None) -> Iterator[tuple[App, Principal]]:
    """The service, and who holds `key`."""
    with service(config, data) as opened:
        yield opened, opened.authenticate(key)


def shell_user() -> str:
    """Who works in this shell."""
    return f"cli:{os.environ.get('USER', 'operator')}"
