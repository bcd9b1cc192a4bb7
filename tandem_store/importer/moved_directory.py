"""Whether a directory is the one that an interrupted import has read, only in another place."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path

from tandem_store.ledger import ReadFile


def holds_all(root: Path, files: Iterable[ReadFile]) -> bool:
    """Whether each of the files is below ``root`` with the bytes that were read, and any is.

    Ends at the first that is not, so for another directory it hardly reads anything.
    """
    found = False
    for file in files:
        if not _has_bytes(root / file.path, file):
            return False
        found = True
    return found


def _has_bytes(path: Path, file: ReadFile) -> bool:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            return False
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest() == file.digest
    except OSError:
        return False
