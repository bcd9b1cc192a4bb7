"""One document compressed anew, and proven to be the same before it may be written."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from sqlalchemy import Row

from tandem_store.errors import NotAStoreError, StoreError
from tandem_store.mapping import compression
from tandem_store.mapping.compression import WITH_DICTIONARY, compressor_with
from tandem_store.recompression.documents import Replacement
from tandem_store.recompression.training import LEVEL
from tandem_store.zstd import ZstdDict


class Kept(Enum):
    """Why a document stays as it is."""

    #: It cannot be read, so nothing could be compared with it.
    DAMAGED = auto()
    #: It would not become smaller.
    SMALLEST = auto()


class Recompressor:
    """Compresses documents with one dictionary; for one thread at a time."""

    def __init__(self, dictionary: ZstdDict) -> None:
        self._dictionary = dictionary
        self._compress = compressor_with(dictionary, LEVEL)

    def recompressed(self, row: Row[Any]) -> Replacement | Kept:
        """Return what to write instead of the document in a row, or why nothing is written.

        Raises ``StoreError`` if the new bytes cannot be read back as the same document.
        """
        old = bytes(row.document)
        try:
            document = compression.decompress(old, row.encoding)
        except NotAStoreError:
            return Kept.DAMAGED
        new = self._compress(document)
        if self._read_back(new) != document:
            raise StoreError(
                f"zstd does not read back what it compressed of the run {row.run_id!r}; nothing of "
                "it was written. Upgrade the zstd library, then compact again."
            )
        return Replacement(row.run_id, old, new) if len(new) < len(old) else Kept.SMALLEST

    def _read_back(self, blob: bytes) -> bytes:
        return compression.decompress(
            blob, WITH_DICTIONARY, find_dictionary=lambda _: self._dictionary
        )
