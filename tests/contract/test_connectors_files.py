"""What every connector of files promises, on a folder of its own files."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import ENTRY_POINT_GROUP, Connector, Done, Event, Failed, Found, Limits, Pull, Same
from context_service.model.document import ItemMark
from context_service.model.source import Source
from ingestors.docs import DocsConnector
from ingestors.pdf import PdfConnector

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def pdf(text: str) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    canvas.drawString(72, 700, text)
    canvas.save()
    return file.getvalue()


@dataclass(frozen=True)
class Backend:
    kind: str
    connector: Callable[[Pull], Connector]
    suffix: str
    write: Callable[[str], bytes]

    def pull(self, folder: Path, known: dict[str, str] | None = None, limits: Limits | None = None) -> Connector:
        source = Source(id="files", kind=self.kind, title="Files", owner="team", authority="policy")
        marks = {
            key: ItemMark(key=key, document="d", fingerprint=mark, content_hash="h", governance_hash="g")
            for key, mark in (known or {}).items()
        }
        return self.connector(Pull(source, folder, None, marks, NOW, limits or Limits()))


BACKENDS = [
    Backend("docs", DocsConnector, ".md", lambda text: f"# {text}\n\n{text}".encode()),
    Backend("pdf", PdfConnector, ".pdf", pdf),
]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.kind)
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.param
    return found


@pytest.fixture
def folder(tmp_path: Path, backend: Backend) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("b", "a", "deep/c"):
        (tmp_path / f"{name}{backend.suffix}").write_bytes(backend.write(f"Text of {name}"))
    (tmp_path / "source.yaml").write_text("id: files")
    return tmp_path


def found(events: list[Event]) -> dict[str, Found]:
    return {event.content.key: event for event in events if isinstance(event, Found)}


def test_each_item_gives_one_event_and_done_comes_last_and_once(backend: Backend, folder: Path) -> None:
    events = list(backend.pull(folder).events())
    assert list(found(events)) == [f"{name}{backend.suffix}" for name in ("a", "b", "deep/c")]
    assert [event for event in events if isinstance(event, Done)] == [events[-1]]
    assert events[-1] == Done(cursor=None, complete=True)


def test_known_items_are_the_same_until_they_change(backend: Backend, folder: Path) -> None:
    known = {key: event.content.fingerprint for key, event in found(list(backend.pull(folder).events())).items()}
    (folder / f"b{backend.suffix}").write_bytes(backend.write("Longer text than before"))
    events = list(backend.pull(folder, known).events())
    assert list(found(events)) == [f"b{backend.suffix}"]
    assert events.count(Same(f"a{backend.suffix}")) == 1


def test_a_deleted_item_is_not_seen_in_a_complete_listing(backend: Backend, folder: Path) -> None:
    (folder / f"a{backend.suffix}").unlink()
    events = list(backend.pull(folder, {f"a{backend.suffix}": "1-1"}).events())
    assert f"a{backend.suffix}" not in found(events)
    assert Done(None, complete=True) in events


def test_two_pulls_bring_the_same_events(backend: Backend, folder: Path) -> None:
    assert list(backend.pull(folder).events()) == list(backend.pull(folder).events())


def test_a_file_that_is_not_what_it_is_called_fails_for_good(backend: Backend, folder: Path) -> None:
    (folder / f"x{backend.suffix}").write_bytes(b"PK\x03\x04 a zip archive")
    failed = [event for event in backend.pull(folder).events() if isinstance(event, Failed)]
    assert [(event.key, event.transient) for event in failed] == [(f"x{backend.suffix}", False)]
    assert "zip" in failed[0].reason


def test_a_file_over_the_limit_fails_for_good(backend: Backend, folder: Path) -> None:
    failed = [event for event in backend.pull(folder, limits=Limits(item_bytes=10)).events() if isinstance(event, Failed)]
    assert len(failed) == 3
    assert not any(event.transient for event in failed)


def test_parsing_is_pure_and_names_its_parser(backend: Backend, folder: Path) -> None:
    content = found(list(backend.pull(folder).events()))[f"a{backend.suffix}"].content
    connector = backend.pull(folder)
    first, second = (connector.parse(content, Limits()) for _ in range(2))
    assert first == second
    assert any(element.text == "Text of a" for element in first.elements)
    assert first.parser
    assert first.parser_version
    assert connector.version


def test_bytes_that_cannot_be_read_are_a_terminal_error_with_a_reason(backend: Backend, folder: Path) -> None:
    content = found(list(backend.pull(folder).events()))[f"a{backend.suffix}"].content
    with pytest.raises(TerminalSourceError) as caught:
        backend.pull(folder).parse(content.model_copy(update={"raw": b"\x00\x01"}), Limits())
    assert str(caught.value)


def test_no_path_of_the_machine_leaves_the_connector(backend: Backend, folder: Path) -> None:
    (folder / "broken").with_suffix(backend.suffix).symlink_to("/nowhere/else")
    for event in backend.pull(folder).events():
        assert str(folder) not in repr(event)


def test_a_wrong_option_is_refused_at_once(backend: Backend, folder: Path) -> None:
    source = Source(id="files", kind=backend.kind, title="Files", owner="team", authority="policy", options={"glob": "*"})
    with pytest.raises(TerminalSourceError, match=r"options\.glob"):
        backend.connector(Pull(source, folder, None, {}, NOW))


def test_the_connectors_are_declared_as_entry_points() -> None:
    declared = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'[project.entry-points."{ENTRY_POINT_GROUP}"]' in declared
    for line in ('docs = "ingestors.docs:DocsConnector"', 'pdf = "ingestors.pdf:PdfConnector"'):
        assert line in declared
