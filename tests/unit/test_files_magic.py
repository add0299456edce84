"""A suffix is only what somebody called the file."""

from __future__ import annotations

import pytest

from ingestors.files_magic import misnamed


@pytest.mark.parametrize(
    ("suffix", "raw"),
    [
        (".md", b"# Title"),
        (".txt", "Grüße".encode("utf-16")),
        (".html", b"<!DOCTYPE html><p>x"),
        (".md", b"<html><p>x"),
        (".pdf", b"junk before\n%PDF-1.7"),
        (".docx", b"PK\x03\x04rest"),
    ],
)
def test_a_file_that_is_what_it_is_called_passes(suffix: str, raw: bytes) -> None:
    assert misnamed(suffix, raw) is None


@pytest.mark.parametrize(
    ("suffix", "raw", "says"),
    [
        (".pdf", b"PK\x03\x04rest", "really a zip archive"),
        (".docx", b"<html><body>", "really an HTML page"),
        (".docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password-protected or old Office file"),
        (".xlsx", b"a,b,c", "really text"),
        (".md", b"abc\x00def", "really binary data"),
        (".html", b"%PDF-1.4", "really a PDF"),
        (".csv", b"\x89PNG\r\n", "really a picture"),
        (".txt", b"", "it is empty"),
    ],
)
def test_a_file_that_is_something_else_is_told_apart(suffix: str, raw: bytes, says: str) -> None:
    assert says in str(misnamed(suffix, raw))
