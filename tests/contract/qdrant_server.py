"""The Qdrant server that the tests use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient


def qdrant_url() -> str:
    """Its URL; skips the test where there is none."""
    url = os.environ.get("CONTEXT_TEST_QDRANT_URL")
    if not url:
        pytest.skip('no Qdrant server: export CONTEXT_TEST_QDRANT_URL="$(.ci/qdrant.sh /tmp/qdrant.pid)"')
    return url


@contextmanager
def qdrant_collection() -> Iterator[tuple[str, str]]:
    """Its URL and the name of a collection that does not exist yet and is deleted afterwards."""
    url, name = qdrant_url(), f"test-{uuid4()}"
    try:
        yield url, name
    finally:
        client = QdrantClient(url=url, check_compatibility=False)
        client.delete_collection(name)
        client.close()
