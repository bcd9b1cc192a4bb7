"""The content of a file at one moment, however large, although another process may rewrite it.

The engine overwrites its hot file in place. A memory map of that file would show two states mixed,
or end this process when the file shrinks; so a private copy is read. A small file is held in
memory, a large one in an unnamed temporary file, which disappears with the process.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from tandem_store.errors import SourceError
from tandem_store.importer.source.kinds import change_time

#: Bytes; larger files are copied to disk instead of memory.
LARGEST_IN_MEMORY: Final = 32 * 1024 * 1024
#: Bytes of a memory map that may stay in memory before they are released.
_WINDOW: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_ATTEMPTS: Final = 3


@dataclass(slots=True)
class FileSnapshot:
    """A file's content, with its size in bytes, time of change and SHA-256.

    ``mtime_ns`` is in nanoseconds since 1970.
    """

    data: bytes | mmap.mmap
    size: int
    mtime_ns: int
    digest: bytes = b""
    _released: int = field(default=0)

    def __post_init__(self) -> None:
        self.digest = self.digest_of(0, self.size)
        self.rewind()

    def digest_of(self, start: int, stop: int) -> bytes:
        """Return the SHA-256 of a range, and release the memory of what lies before its end."""
        hashed = sha256()
        for at in range(start, stop, _CHUNK):
            hashed.update(self.data[at : min(at + _CHUNK, stop)])
            self.release(at)
        return hashed.digest()

    def release(self, position: int) -> None:
        """Release the memory of what lies before ``position``; it can still be read again."""
        if position < self._released:
            self.rewind()  # somebody has begun again
        if position - self._released < _WINDOW or not isinstance(self.data, mmap.mmap):
            return
        stop = position - position % mmap.PAGESIZE
        if hasattr(mmap, "MADV_DONTNEED"):  # a system without it only uses more memory
            self.data.madvise(mmap.MADV_DONTNEED, 0, stop)
        self._released = stop

    def rewind(self) -> None:
        """Start over from the beginning of the file."""
        self._released = 0


@contextmanager
def snapshot_of(path: Path, folder: Path | None) -> Iterator[FileSnapshot]:
    """Open the content of a file for the duration of the block; it cannot change meanwhile.

    A large file is copied to an unnamed temporary file in ``folder``, by default the system's.

    Raises ``SourceError`` if the file changed during each of three attempts.
    """
    for _ in range(_ATTEMPTS):
        with path.open("rb") as source, tempfile.TemporaryFile(dir=folder) as copy:
            before = os.fstat(source.fileno())
            data = _content(source, copy, before.st_size)
            after = path.stat()
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                try:
                    yield FileSnapshot(data, after.st_size, change_time(after))
                finally:
                    if isinstance(data, mmap.mmap):
                        data.close()
                return
    raise SourceError(f"changed while it was read, {_ATTEMPTS} times: stop the engine")


def _content(source: IO[bytes], copy: IO[bytes], size: int) -> bytes | mmap.mmap:
    if size <= LARGEST_IN_MEMORY:
        return source.read()
    shutil.copyfileobj(source, copy, _CHUNK)
    copy.flush()
    return mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ)
