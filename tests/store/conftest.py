"""A store to work on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tandem_store import Store, open_store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty SQLite store."""
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def any_store(any_store_url: str) -> Iterator[Store]:
    """An empty store, on either database."""
    with open_store(any_store_url) as opened:
        yield opened
