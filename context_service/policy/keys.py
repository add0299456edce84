"""Keys of principals: made from randomness that is passed in, shown once, kept only as a hash."""

from __future__ import annotations

import base64
import hashlib

PREFIX = "ctx_"
SECRET_BYTES = 32


def make_key(secret: bytes) -> str:
    """The key made of `secret` (at least SECRET_BYTES of it, from a secure source)."""
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"a key needs {SECRET_BYTES} random bytes")
    return PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")


def key_hash(key: str) -> str:
    """What is stored of a key. A key is random in full, so a plain SHA-256 cannot be searched for it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
