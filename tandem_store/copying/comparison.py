"""The proof of a copy: both stores read from end to end, in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from tandem_store import tables
from tandem_store.copying import parts
from tandem_store.copying.parts import Batch, StorePart
from tandem_store.copying.report import RowSum, TableDifference
from tandem_store.copying.source import counts, parts_of
from tandem_store.month import Month

#: Called with how many rows were read just now.
Count = Callable[[int], None]


def differences(
    source: Connection, target: Connection, months: Sequence[Month], limit: Batch, count: Count
) -> Iterator[TableDifference]:
    """Yield each table and month of runs that differs, and the table of runs if the totals do."""
    pairs = zip(parts_of(source, months), parts_of(target, months), strict=True)
    for ours, theirs in pairs:
        wanted, found = row_sum(source, ours, limit, count), row_sum(target, theirs, limit, count)
        if wanted != found:
            yield TableDifference(ours.name, wanted, found)
    # A run whose document is missing, or in a month that should not be, is in no part.
    runs = tables.runs.name
    total = RowSum(counts(source)[runs]), RowSum(counts(target)[runs])
    if total[0] != total[1]:
        yield TableDifference(runs, *total)


def row_sum(connection: Connection, part: StorePart, limit: Batch, count: Count) -> RowSum:
    """Return the number and the digest of a part's rows, which are read in batches."""
    digest, rows = hashlib.sha256(), 0
    for batch in parts.batches(connection, parts.comparable(part), None, limit):
        for row in batch:
            digest.update(_line(row))
        rows += len(batch)
        count(len(batch))
    return RowSum(rows, digest.hexdigest())


def _line(row: Row[Any]) -> bytes:
    # A column has the same type on both sides, so hexadecimal digits are not taken for text.
    return orjson.dumps(tuple(row), default=bytes.hex) + b"\n"
