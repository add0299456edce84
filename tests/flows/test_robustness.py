"""Whatever lies in a folder: every item ends as a stored outcome with its reason, and the rest is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from context_service.app import App
from context_service.ingest.connector import Limits
from context_service.ingest.pipeline import Report
from context_service.ingest.progress import Silent
from context_service.model.context import MAX_QUERY
from context_service.model.document import Outcome, OutcomeKind, RunState
from tests.flows.small import SmallCompany, ask, documents
from tests.parsing import SHARED

FAILED = {OutcomeKind.FAILED_TERMINAL, OutcomeKind.FAILED_TRANSIENT}
DOCS = """\
id: files
kind: docs
title: Files
owner: support-team
authority: policy
access: {classification: public, audiences: [customer-agents]}
options: {exclude: ["*.pdf", "*LICENSE*"]}
"""
PDFS = DOCS.replace("id: files\nkind: docs", "id: pages\nkind: pdf").replace('["*.pdf", "*LICENSE*"]', "[]")
HUGE_BYTES = 200 * 1024**2
GOOD = "# Kettles\n\nThe kettle is made of blue steel.\n"

BAD = {
    "corrupt.docx": "damaged",
    "truncated.docx": "damaged",
    "encrypted.docx": "password-protected",
    "bomb.docx": "unpacks to more than the limit",
    "empty.md": "empty",
    "blank.md": "no text",
    "picture.md": "a picture",
    "page.docx": "really",
    "archive.txt": "zip archive",
    "huge.txt": "larger than the limit",
    "front.md": "ront matter",
    "song.mp3": "is not read here",
    "truncated.pdf": "",
    "encrypted.pdf": "password",
    "empty.pdf": "empty",
    "misnamed.pdf": "really",
    "huge.pdf": "larger than the limit",
}
"""File -> words of the reason."""


def spoil(folder: Path) -> None:
    """Write one file for each way to be wrong, and good ones between."""
    good = _docx("<w:p><w:r><w:t>The lamp is made of red glass.</w:t></w:r></w:p>")
    (folder / "corrupt.docx").write_bytes(good[:60] + b"\0" * 200 + good[260:])
    (folder / "truncated.docx").write_bytes(good[: len(good) // 2])
    (folder / "encrypted.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096)
    (folder / "bomb.docx").write_bytes(_docx(" " * 300 * 1024**2))
    (folder / "empty.md").touch()
    (folder / "blank.md").write_text(" \n\n\t\n")
    (folder / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / "page.docx").write_text("<html><body>Called Word, is HTML.</body></html>")
    (folder / "archive.txt").write_bytes(good)
    (folder / "front.md").write_text("---\nstatus: [unfinished\n---\n# Drafts\n\nText.\n")
    (folder / "song.mp3").write_bytes(b"ID3")
    page = _pdf("The scale is made of green wood.")
    (folder / "truncated.pdf").write_bytes(page[: len(page) // 3])
    (folder / "encrypted.pdf").write_bytes(_pdf("Secret words.", password="swordfish"))
    (folder / "empty.pdf").touch()
    (folder / "misnamed.pdf").write_bytes(good)
    for name in ("huge.txt", "huge.pdf"):
        with (folder / name).open("wb") as file:
            file.truncate(HUGE_BYTES)
    (folder / "a-good.md").write_text(GOOD)
    (folder / "latin.txt").write_bytes("The hub is made of brown l\xe9ather.".encode("latin-1"))
    (folder / "good.docx").write_bytes(good)
    (folder / "z-good.pdf").write_bytes(page)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Report]]:
    folder = tmp_path_factory.mktemp("spoilt") / "files"
    folder.mkdir()
    spoil(folder)
    with _company(folder).open() as app:
        yield app, app.ingest([], "test", Silent())


@pytest.mark.parametrize(("name", "reason"), BAD.items())
def test_a_file_that_cannot_be_read_is_a_stored_outcome_with_its_reason(spoilt: tuple[App, Report], name: str, reason: str) -> None:
    outcome = _outcomes(*spoilt)[name]
    assert outcome.kind is OutcomeKind.FAILED_TERMINAL
    assert reason in (outcome.reason or "")
    assert (outcome.reason or "").endswith("."), "a sentence for people"


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("What is the kettle made of, blue steel?", "files:a-good.md"),
        ("What is the lamp made of, red glass?", "files:good.docx"),
        ("What is the hub made of, brown?", "files:latin.txt"),
        ("What is the scale made of, green wood?", "pages:z-good.pdf"),
    ],
)
def test_the_good_files_among_them_are_read(spoilt: tuple[App, Report], question: str, document: str) -> None:
    assert documents(ask(spoilt[0], question))[0] == document


def test_every_file_has_its_outcome_and_the_sources_succeed(spoilt: tuple[App, Report]) -> None:
    assert [run.state for run in spoilt[1].runs] == [RunState.SUCCEEDED] * 2
    assert {name for name, outcome in _outcomes(*spoilt).items() if outcome.kind in FAILED} == set(BAD)


@pytest.mark.timeout(900)  # hundreds of real files
def test_real_files_of_every_sort_go_through(tmp_path: Path) -> None:
    files = _shared("files")
    with _company(files, tmp_path / "company").open() as app:
        report = app.ingest([], "test", Silent(), Limits(parse_seconds=30))
        assert [run.state for run in report.runs] == [RunState.SUCCEEDED] * 2
        outcomes = _outcomes(app, report)
        assert set(outcomes) == {path.relative_to(files).as_posix() for path in files.rglob("*.*")}
        for outcome in outcomes.values():
            assert outcome.kind is OutcomeKind.NEW or outcome.reason, outcome
        unread = {name: outcome.reason for name, outcome in outcomes.items() if outcome.kind in FAILED}
        assert len(unread) < len(outcomes) / 10, unread
        assert not [reason for reason in unread.values() if "crashed" in (reason or "") or "did not finish" in (reason or "")]


def test_hostile_texts_are_content_and_nothing_else(tmp_path: Path) -> None:
    hostile = _shared("hostile")
    folder = tmp_path / "files"
    folder.mkdir()
    mails = [json.loads(line) for line in (hostile / "emails.jsonl").read_text("utf-8").splitlines()]
    attacks = [text for texts in json.loads((hostile / "attacks.json").read_text("utf-8")).values() for text in texts]
    strings = json.loads((hostile / "naughty-strings.json").read_text("utf-8"))
    for number, mail in enumerate(mails):
        (folder / f"mail-{number}.eml").write_text(
            f"Subject: Mail {number}\n\n{mail['context']}\n{attacks[number % len(attacks)]}\n", "utf-8"
        )
    (folder / "attacks.md").write_text("\n\n".join(f"# Attack {number}\n\n{text}" for number, text in enumerate(attacks)), "utf-8")
    for suffix in ("md", "txt", "html", "csv"):
        (folder / f"strings.{suffix}").write_bytes("\n\n".join(strings).encode("utf-8", "surrogatepass"))
    for number, text in enumerate(strings[::5]):
        (folder / f"string-{number}.md").write_bytes(f"# String {number}\n\n{text}\n".encode("utf-8", "surrogatepass"))
    with _company(folder).open() as app:
        report = app.ingest([], "test", Silent())
        unread = {name: outcome.reason for name, outcome in _outcomes(app, report).items() if outcome.kind in FAILED}
        assert not unread
        for text in strings[::25]:
            if any(character.isalnum() for character in text):
                assert ask(app, text[:MAX_QUERY]).model_dump_json()


def _company(files: Path, folder: Path | None = None) -> SmallCompany:
    """A company over a folder of files: documents and PDFs as a source each."""
    company = SmallCompany.write(folder or files.parent / "company", {})
    (company.folder / "notes" / "source.yaml").unlink()
    for name, declaration in (("docs", DOCS), ("pdf", PDFS)):
        (company.folder / name).mkdir()
        (company.folder / name / "source.yaml").write_text(f"{declaration}location: {files}\n")
    return company


def _outcomes(app: App, report: Report) -> dict[str, Outcome]:
    return {outcome.key: outcome for run in report.runs for outcome in app.records.outcomes(run.id)}


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the real files are not here: put them into {folder}")
    return folder.resolve()


def _docx(body: str) -> bytes:
    """A Word file with this body, as small as one can be."""
    names = "http://schemas.openxmlformats.org"
    kinds = f"{names}/package/2006/content-types"
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{kinds}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{word}"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{names}/package/2006/relationships"><Relationship Id="r1" '
            f'Type="{names}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{names}/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>'
        )
    return raw.getvalue()


def _pdf(text: str, password: str = "") -> bytes:
    raw = io.BytesIO()
    canvas = Canvas(raw, encrypt=StandardEncryption(password) if password else None)
    canvas.drawString(72, 720, text)
    canvas.save()
    return raw.getvalue()
