"""Documents as bytes: zstd frames with a content checksum, so that a flipped bit is noticed.

The document of a run is compressed with a dictionary that is part of the package, and that of a
compacted month with one from the database, which the frame names by a number: see ADRs 0017 and
0019. All else is compressed without a dictionary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from tandem_store.errors import NotAStoreError, UnstorableError
from tandem_store.zstd import (
    CompressionParameter,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdDict,
    ZstdError,
    get_frame_info,
)

#: What ``compress`` writes into the ``encoding`` column.
ENCODING: Final = "zstd"
#: What ``compress_run`` writes into it: the number is that of the package's dictionary.
RUN_ENCODING: Final = "zstd-1"
#: What documents that need a dictionary of the database have in that column.
WITH_DICTIONARY: Final = "zstd-dict"
#: What the document of a run has there whose content was forgotten; it is empty.
FORGOTTEN: Final = "forgotten"
#: The most bytes of one document, before it is compressed: four times the largest record that is
#: imported, so that a run can grow after its import. A blob that holds more was not written
#: by ``compress``.
LARGEST_DOCUMENT: Final = 256 * 1024 * 1024
#: The most bytes of a dictionary. Whoever reads with it has it in memory twice.
LARGEST_DICTIONARY: Final = 4_000_000
#: The level that measured best for documents of some kilobytes, with and without a dictionary.
_LEVEL: Final = 3
_REMEDY: Final = (
    "tandem-store doctor --deep shows what else is damaged; then restore the database from a backup"
)

#: Returns the dictionary with a number, or raises ``NotAStoreError``.
FindDictionary = Callable[[int], ZstdDict]

_per_thread = threading.local()  # a compressor may not be shared between threads


def compress(document: bytes) -> bytes:
    """Compress without a dictionary.

    The frame tells the size of the document and carries its checksum.

    Raises ``UnstorableError`` (``too_large``) for more than 256 MiB, which ``decompress`` would
    refuse.
    """
    compressor: ZstdCompressor | None = getattr(_per_thread, "compressor", None)
    if compressor is None:
        compressor = _per_thread.compressor = _compressor(_LEVEL)
    return _compressed(compressor, document)


def compress_run(document: bytes) -> bytes:
    """Compress the document of a run, with the words that the documents of all runs have in common.

    That leaves two thirds of what ``compress`` leaves, in less time. Raises as that does.
    """
    compressor: ZstdCompressor | None = getattr(_per_thread, "run_compressor", None)
    if compressor is None:
        compressor = _per_thread.run_compressor = _compressor(_LEVEL, packaged_dictionary())
    return _compressed(compressor, document)


@cache
def packaged_dictionary() -> ZstdDict:
    """Return the dictionary of the package.

    Its file never changes. A better one would be another file, with an encoding of its own.
    """
    return ZstdDict(Path(__file__).with_name("runs_1.zstd-dictionary").read_bytes())


def _compressor(level: int, dictionary: ZstdDict | None = None) -> ZstdCompressor:
    return ZstdCompressor(
        options={
            CompressionParameter.compression_level: level,
            CompressionParameter.checksum_flag: 1,
        },
        # The dictionary is prepared once, and not again for each document.
        zstd_dict=None if dictionary is None else dictionary.as_digested_dict,
    )


def _compressed(compressor: ZstdCompressor, document: bytes) -> bytes:
    if len(document) > LARGEST_DOCUMENT:
        raise UnstorableError(
            f"a document of {len(document):,} bytes is too large: at most {LARGEST_DOCUMENT:,} are "
            "stored; keep large outputs in files and name them in the run",
            reason="too_large",
        )
    return compressor.compress(document, mode=ZstdCompressor.FLUSH_FRAME)


def compressor_with(dictionary: ZstdDict | None, level: int) -> Callable[[bytes], bytes]:
    """Return a function that compresses at a level so that ``dictionary`` is needed to read it.

    It is for one thread at a time.
    """
    compressor = _compressor(level, dictionary)
    return lambda document: compressor.compress(document, mode=ZstdCompressor.FLUSH_FRAME)


def dictionary_number(blob: bytes) -> int:
    """Return the number of the dictionary that a frame needs; 0 if it needs none.

    Raises ``NotAStoreError`` if the blob does not begin as a frame does.
    """
    try:
        return get_frame_info(blob).dictionary_id
    except ZstdError as error:
        raise _damaged(str(error)) from error


def stored_dictionary(number: int, encoding: str, content: bytes, digest: bytes) -> ZstdDict:
    """Return a dictionary of the database from the columns of its row.

    Raises ``NotAStoreError`` if it is damaged.
    """
    try:
        written = decompress(content, encoding, largest=LARGEST_DICTIONARY)
        if sha256(written).digest() != digest:
            raise NotAStoreError("it does not match its digest")
        dictionary = ZstdDict(written)
    except (TypeError, ValueError, ZstdError) as error:
        raise NotAStoreError(str(error)) from error
    if dictionary.dict_id != number:
        raise NotAStoreError(f"it has the number {dictionary.dict_id}")
    return dictionary


def decompress(
    blob: bytes,
    encoding: str,
    *,
    largest: int = LARGEST_DOCUMENT,
    find_dictionary: FindDictionary | None = None,
) -> bytes:
    """Return the bytes of a document that was written with at most ``largest`` bytes.

    Memory is bounded by ``largest``, whatever the blob claims or holds. Without
    ``find_dictionary``, documents that need a dictionary of the database have an unknown encoding.

    Raises ``NotAStoreError`` for damage, for a blob that holds more, or an unknown encoding.
    """
    if encoding == "json":
        return blob
    dictionary: ZstdDict | None = None
    if encoding == RUN_ENCODING:
        dictionary = packaged_dictionary()
    elif encoding == WITH_DICTIONARY and find_dictionary is not None:
        dictionary = find_dictionary(dictionary_number(blob))
    elif encoding != ENCODING:
        raise NotAStoreError(
            f"a document has the unknown encoding {encoding!r}: upgrade tandem-store"
        )
    try:
        return _decompressed(blob, largest, dictionary)
    except ZstdError as error:
        raise _damaged(str(error)) from error


def _decompressed(blob: bytes, largest: int, dictionary: ZstdDict | None) -> bytes:
    size = get_frame_info(blob).decompressed_size
    if size is None or size > largest:
        claimed = "an unknown number of" if size is None else f"{size:,}"
        raise _damaged(f"it would decompress to {claimed} bytes; at most {largest:,} were written")
    frame = ZstdDecompressor(zstd_dict=dictionary)
    # One byte more than the header tells, so that the frame's end and its checksum are reached.
    document = frame.decompress(blob, max_length=size + 1)
    if not frame.eof or frame.unused_data or len(document) != size:
        raise _damaged("it is not one whole frame of the size that it tells")
    return document


def _damaged(why: str) -> NotAStoreError:
    return NotAStoreError(f"a stored document is damaged ({why}): {_REMEDY}")
