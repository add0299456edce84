"""Office files are zip archives: a small one can unpack to more than the machine holds."""

from __future__ import annotations

import re
import zipfile
import zlib
from io import BytesIO

from context_service.errors import TerminalSourceError

MARKUP = (".xml", ".rels")
MOST_PARTS = 10_000
STEP = 1 << 20
"""Bytes unpacked at a time while measuring."""
STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
EXTENDED = (rb"/2006/extendedProperties", rb"/2006/extended-properties")
REMEDY = "Open the file in its program and save it again."


def checked_archive(raw: bytes, unpacked_bytes: int) -> bytes:
    """`raw` once it is known to unpack within the limit, in the transitional namespaces that the libraries read.

    Both what the directory promises and what really comes out are measured. Raises TerminalSourceError.
    """
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            _measure(archive, unpacked_bytes)
            return _transitional(archive) if _is_strict(archive) else raw
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        # What zipfile raises on damaged, encrypted and unknown archives.
        raise TerminalSourceError(f"the file is damaged: {error}.", remedy=REMEDY) from error


def _measure(archive: zipfile.ZipFile, unpacked_bytes: int) -> None:
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > unpacked_bytes:
        raise _too_large(unpacked_bytes)
    total = 0
    for part in parts:
        with archive.open(part) as stream:
            while data := stream.read(STEP):
                total += len(data)
                if total > unpacked_bytes:
                    raise _too_large(unpacked_bytes)
                if part.filename.endswith(MARKUP) and (b"<!DOCTYPE" in data or b"<!ENTITY" in data):
                    raise TerminalSourceError(f"{part.filename} declares a document type, which Office files never do.", remedy=REMEDY)


def _too_large(limit: int) -> TerminalSourceError:
    return TerminalSourceError(f"it unpacks to more than the limit of {limit} bytes.", remedy="Split the file, or raise the limit.")


def _is_strict(archive: zipfile.ZipFile) -> bool:
    return "_rels/.rels" in archive.namelist() and STRICT.search(archive.read("_rels/.rels")) is not None


def _transitional(archive: zipfile.ZipFile) -> bytes:
    """The same archive with the names of ISO 29500 Strict replaced by those the libraries know."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        for part in archive.infolist():
            data = archive.read(part)
            if part.filename.endswith(MARKUP):
                data = STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", data).replace(*EXTENDED)
            copy.writestr(part.filename, data)
    return made.getvalue()
