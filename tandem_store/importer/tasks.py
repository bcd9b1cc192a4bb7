"""Files grouped into tasks for the parsers: small ones together, large ones in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tandem_store.importer.source.kinds import Layout, SourceFile
from tandem_store.importer.worker_pool import Task

#: Files and bytes of one task of small files.
_FILES: Final = 64
_BYTES: Final = 2 * 1024 * 1024


def tasks_for(
    files: Iterable[SourceFile], cut: Callable[[SourceFile], Iterator[Task]]
) -> Iterator[Task]:
    """Tasks in the order of the files; ``cut`` makes those of a file of many runs."""
    small: list[SourceFile] = []
    size = 0
    for file in files:
        if file.layout is Layout.RUNS:
            yield from cut(file)
            continue
        small.append(file)
        size += file.size
        if len(small) >= _FILES or size >= _BYTES:
            yield Task(files=small)
            small, size = [], 0
    if small:
        yield Task(files=small)
