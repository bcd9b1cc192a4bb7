"""All keys of a table in order, also if some of its pages cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Select

from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import UNREADABLE

#: How many keys are asked for at once.
BATCH: Final = 200


@dataclass(slots=True)
class Keys:
    """The keys that ``rows`` selects, by ``key``, each batch in a transaction of its own.

    Keys are read upwards until a page cannot be read; those behind it are then read downwards.
    """

    context: Context
    rows: Select[Any]
    key: ColumnElement[Any]
    #: The first failure to read, if there was one: some keys may be missing.
    failure: Exception | None = field(default=None, init=False)

    def batches(self) -> Iterator[list[Any]]:
        """Yield the keys, at most 200 at a time.

        If a page cannot be read, those behind it come last, in descending order.
        """
        reached: Any = None
        for batch in self._walk(upwards=True):
            reached = batch[-1]
            yield batch
        if self.failure is None:
            return
        for batch in self._walk(upwards=False):
            unseen = batch if reached is None else [key for key in batch if key > reached]
            if unseen:
                yield unseen
            if len(unseen) < len(batch):
                return

    def _walk(self, *, upwards: bool) -> Iterator[list[Any]]:
        last: Any = None
        size = BATCH
        while True:
            try:
                batch = self._batch(last, size, upwards=upwards)
            except UNREADABLE as error:
                self.failure = self.failure or error
                if size == 1:
                    return
                # Fewer, up to the very row that cannot be read.
                size = max(1, size // 4)
                continue
            if batch:
                yield batch
            if len(batch) < size:
                return
            last = batch[-1]

    def _batch(self, last: Any, size: int, *, upwards: bool) -> list[Any]:
        query = self.rows.order_by(self.key if upwards else self.key.desc()).limit(size)
        if last is not None:
            query = query.where(self.key > last if upwards else self.key < last)
        with self.context.read() as connection:
            return list(connection.execute(query).scalars())
