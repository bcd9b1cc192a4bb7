"""Documents as bytes: what was not written by us is refused, in bounded memory."""

from __future__ import annotations

import importlib.util
import sys
import tracemalloc
from base64 import b64decode
from hashlib import sha256
from types import ModuleType

import orjson
import pytest

from tandem_store.errors import NotAStoreError, UnstorableError
from tandem_store.mapping import compress, compression, decompress
from tandem_store.mapping.compression import RUN_ENCODING, compress_run, packaged_dictionary
from tests.support import REPOSITORY
from tests.support.legacy_runs import full_run

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
    assert decompress(compress_run(document), RUN_ENCODING) == document


def test_the_packaged_dictionary_never_changes() -> None:
    """Documents need it for as long as they exist; a better one is another one."""
    content = packaged_dictionary().dict_content

    assert (packaged_dictionary().dict_id, sha256(content).hexdigest()) == (
        800_723_667,
        "dc6eb413ac8a7bf6c3518a5c9154b378f80c5c542f63b93f8207159e32cc3e8e",
    )
    assert b64decode(_migration("0004").PACKAGED_DICTIONARY) == content


def _migration(revision: str) -> ModuleType:
    (path,) = (REPOSITORY / "migrations" / "versions").glob(f"{revision}_*.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run_takes_less_room_with_the_packaged_dictionary() -> None:
    """It knows the names that all of them have."""
    document = orjson.dumps(full_run("r"))

    assert len(compress_run(document)) < 0.8 * len(compress(document))


def test_a_document_without_its_dictionary_is_damage() -> None:
    """It cannot be taken for one that needs none."""
    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(compress_run(orjson.dumps(full_run("r"))), "zstd")


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
