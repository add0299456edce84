"""What bytes really are, by how they begin: a suffix is only what somebody called the file."""

from __future__ import annotations

from context_service.errors import TerminalSourceError

SIGNATURES = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office file"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a password-protected or old Office file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "a gzip archive"),
)
OFFICE = (".docx", ".pptx", ".xlsx")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
PROBE = 8192
PDF_PROBE = 1024
"""Readers accept a PDF whose header stands within this many bytes."""


def misnamed(suffix: str, raw: bytes) -> TerminalSourceError | None:
    """What is wrong with a file of that suffix beginning like this; None when the two agree."""
    if not raw:
        return TerminalSourceError("it is empty.", remedy="Write something into it, or name it in options.exclude.")
    kind = _kind(raw)
    if suffix == ".pdf":
        return None if b"%PDF-" in raw[:PDF_PROBE] else _mismatch(suffix, kind)
    if suffix in OFFICE:
        return None if raw.startswith(b"PK\x03\x04") else _mismatch(suffix, kind)
    return None if kind in ("text", "an HTML page") else _mismatch(suffix, kind)


def _mismatch(suffix: str, kind: str) -> TerminalSourceError:
    return TerminalSourceError(f"it is called {suffix} and is really {kind}.", remedy="Save it in the format of its name, or rename it.")


def _kind(raw: bytes) -> str:
    for signature, kind in SIGNATURES:
        if raw.startswith(signature):
            return kind
    start = raw[:PROBE]
    if b"\x00" in start and not start.startswith(UTF16):
        return "binary data"
    return "an HTML page" if start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")) else "text"
