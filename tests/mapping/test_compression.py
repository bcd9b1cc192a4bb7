"""Documents as bytes: what was not written by us is refused, in bounded memory."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from tandem_store.errors import NotAStoreError, UnstorableError
from tandem_store.mapping import compress, compression, decompress

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor
else:
    from backports.zstd import ZstdCompressor

_MEBIBYTE = 1024 * 1024


def _bomb(size: int, *, told: bool) -> bytes:
    """A frame of some kilobytes that decompresses to ``size`` zeros, with or without telling so."""
    compressor = ZstdCompressor()
    if told:
        compressor.set_pledged_input_size(size)
    zeros = bytes(_MEBIBYTE)
    parts = [compressor.compress(zeros) for _ in range(size // _MEBIBYTE)]
    return b"".join((*parts, compressor.flush()))


@pytest.mark.parametrize("told", [True, False])
def test_a_small_blob_does_not_expand_without_limit(told: bool) -> None:
    """It is refused with a sentence before it takes the memory."""
    bomb = _bomb(512 * _MEBIBYTE, told=told)
    tracemalloc.start()
    try:
        with pytest.raises(NotAStoreError, match=r"\(it would decompress.*doctor --deep"):
            decompress(bomb, "zstd")
        assert tracemalloc.get_traced_memory()[1] < 8 * _MEBIBYTE
    finally:
        tracemalloc.stop()


def test_a_blob_holds_no_more_than_was_written() -> None:
    """Who knows the size of what was written gives it, and more is damage."""
    blob = compress(b"x" * 1000)

    assert decompress(blob, "zstd", largest=1000) == b"x" * 1000
    with pytest.raises(NotAStoreError, match="1,000 bytes; at most 999 were written"):
        decompress(blob, "zstd", largest=999)


@pytest.mark.parametrize("size", [0, 1, 127, 128 * 1024, 3 * _MEBIBYTE + 1])
def test_every_document_comes_back(size: int) -> None:
    """Empty ones, and such as take many blocks."""
    document = bytes(at % 251 for at in range(size))

    assert decompress(compress(document), "zstd") == document


@pytest.mark.parametrize("spoilt", [lambda it: it[:-1], lambda it: it + it, lambda it: it + b"x"])
def test_a_blob_is_one_whole_frame(spoilt: object) -> None:
    """Cut off, doubled or with something behind it, it is not what was written."""
    assert callable(spoilt)

    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(spoilt(compress(b"document" * 99)), "zstd")


def test_what_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of reading is that of writing."""
    monkeypatch.setattr(compression, "LARGEST_DOCUMENT", 10)

    assert compress(b"0123456789")
    with pytest.raises(UnstorableError, match="at most 10 are stored") as refused:
        compress(b"0123456789+")
    assert refused.value.reason == "too_large"
