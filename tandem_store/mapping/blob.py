"""Documents as bytes: zstd frames with a content checksum, so that a flipped bit is noticed."""

from __future__ import annotations

import sys
import threading
from typing import Final

from tandem_store.errors import NotAStoreError

if sys.version_info >= (3, 14):
    from compression.zstd import (
        CompressionParameter,
        ZstdCompressor,
        ZstdError,
        decompress,
    )
else:
    from backports.zstd import CompressionParameter, ZstdCompressor, ZstdError, decompress

#: What ``pack`` writes into the ``encoding`` column.
ENCODING: Final = "zstd"

_per_thread = threading.local()  # a compressor may not be shared between threads


def pack(document: bytes) -> bytes:
    """Compress at level 3, which measured best for documents of some kilobytes."""
    compressor: ZstdCompressor | None = getattr(_per_thread, "compressor", None)
    if compressor is None:
        compressor = ZstdCompressor(
            options={
                CompressionParameter.compression_level: 3,
                CompressionParameter.checksum_flag: 1,
            }
        )
        _per_thread.compressor = compressor
    return compressor.compress(document, mode=ZstdCompressor.FLUSH_FRAME)


def unpack(blob: bytes, encoding: str) -> bytes:
    """The document's bytes; raises ``NotAStoreError`` for damage or an unknown encoding."""
    if encoding == "json":
        return blob
    if encoding != ENCODING:
        raise NotAStoreError(
            f"a document has the unknown encoding {encoding!r}: upgrade tandem-store"
        )
    try:
        return decompress(blob)
    except ZstdError as error:
        raise NotAStoreError(
            f"a stored document is damaged ({error}): restore the database from a backup"
        ) from error
