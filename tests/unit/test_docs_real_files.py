"""Files that nobody on this project made: none may crash a parser, and little may get lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from context_service.errors import TerminalSourceError
from context_service.model.document import ElementKind, Parsed
from ingestors.docs import MEDIA_TYPES
from tests.parsing import SHARED, parse

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data beside the checkout is missing")
WORD = re.compile(r"\w+")
STRUCTURAL = (
    "Strict.docx",
    "unit_test_headers.docx",
    "docx_lists.docx",
    "textbox.docx",
    "content_control_with_picture.docx",
    "wiki_duck.html",
)
PASSWORD = "libreoffice-writer-password.pdf"
UNREADABLE_PDFS = {PASSWORD, "unreadablemetadata.pdf", "cmyk-image.pdf", "grayscale-image.pdf"}


def outcome(key: str, raw: bytes) -> Parsed | TerminalSourceError:
    try:
        return parse(key, raw)
    except TerminalSourceError as error:
        return error


def files(folder: str) -> list[Path]:
    return sorted(path for path in (SHARED / folder).rglob("*") if path.suffix in MEDIA_TYPES or path.suffix == ".pdf")


@pytest.mark.parametrize("folder", ["files/docx", "files/html"])
def test_office_and_web_files_are_all_read(folder: str) -> None:
    found = {path.name: outcome(path.name, path.read_bytes()) for path in files(folder)}
    assert len(found) > 50
    assert [name for name, result in found.items() if isinstance(result, TerminalSourceError)] == []


def test_odd_pdfs_are_read_or_refused_with_a_reason() -> None:
    found = {path.name: outcome(path.name, path.read_bytes()) for path in files("files/pdf") if not path.name.startswith("GeoTopo")}
    refused = {name: result for name, result in found.items() if isinstance(result, TerminalSourceError)}
    assert set(refused) >= UNREADABLE_PDFS
    assert all(name in UNREADABLE_PDFS or name.startswith("imagemagick") for name in refused)
    assert "password-protected" in refused[PASSWORD].message


def test_a_text_layer_of_nonsense_is_refused() -> None:
    path = next((SHARED / "policies").rglob("*_v201805.pdf"))
    result = outcome(path.name, path.read_bytes())
    assert isinstance(result, TerminalSourceError)
    assert "fonts do not say which characters" in result.message


def test_hostile_strings_and_texts_pass_through_every_text_format() -> None:
    strings = json.loads((SHARED / "hostile" / "naughty-strings.json").read_text(encoding="utf-8"))
    texts = ["\n\n".join(strings), *strings[::5], (SHARED / "hostile" / "attacks.json").read_text(encoding="utf-8")]
    texts += (SHARED / "hostile" / "emails.jsonl").read_text(encoding="utf-8").splitlines()
    read = 0
    for suffix in (".md", ".html", ".txt", ".csv", ".eml"):
        for text in texts:
            result = outcome(f"a{suffix}", text.encode("utf-8", "surrogatepass"))
            if isinstance(result, Parsed):
                read += 1
                result.model_dump_json().encode()  # must hold no lone surrogate
    assert read > 4 * len(texts)


def words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.casefold()))


@pytest.mark.parametrize("name", STRUCTURAL)
def test_headings_and_words_are_those_of_the_markdown_twin(name: str) -> None:
    path = next(path for path in files("files") if path.name == name)
    markdown = re.sub(r"<!--.*?-->", "", (path.parent / f"{name}.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    markdown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    parsed = parse(name, path.read_bytes())
    expected, found = words(markdown), words(" ".join(element.text for element in parsed.elements))
    assert (expected & found).total() >= 0.9 * expected.total()
    wanted = [" ".join(words(heading)) for heading in re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)]
    headings = [" ".join(words(element.text)) for element in parsed.elements if element.kind == ElementKind.HEADING]
    assert [heading for heading in wanted if heading in headings] == headings


@pytest.mark.parametrize("name", ["20150417_Instagram_CommunityGuidelines", "20180731_Instagram_PrivacyPolicy"])
def test_a_printed_page_has_the_words_of_its_markdown_twin_in_order(name: str) -> None:
    pdf = next((SHARED / "versions" / "PDF").rglob(f"{name}.pdf"))
    markdown = next((SHARED / "versions" / "Markdown").rglob(f"{name}.md")).read_text(encoding="utf-8").replace("&apos", "'")
    expected, found = words(markdown), words(" ".join(element.text for element in parse(pdf.name, pdf.read_bytes()).elements))
    assert (expected & found).total() >= 0.99 * expected.total()
