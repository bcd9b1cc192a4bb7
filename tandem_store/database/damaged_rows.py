"""What is raised for rows that are not what was written, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, Row

from tandem_store.column_types import AsStored
from tandem_store.errors import LegacyFormatError, NotAStoreError
from tandem_store.month import Month

#: What using the values of a damaged row raises: SQLite keeps any type in any column.
DAMAGE: Final = (
    ArithmeticError,
    AttributeError,
    LegacyFormatError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
#: Longer values are cut in a message.
_LONGEST: Final = 200


def damaged(what: str, how: object) -> NotAStoreError:
    """The error for a damaged thing; ``how`` completes the sentence that ``what`` begins."""
    return NotAStoreError(
        f"{what} {shortened(how)}. Restore the database from a backup; what else is damaged is "
        "told by: tandem-store doctor --deep"
    )


def damaged_run(run_id: object, month: object, how: object) -> NotAStoreError:
    """The error for a damaged run, named by what its columns hold, whatever that is."""
    return damaged(f"The run {shortened(repr(run_id))} of month {_label(month)}", how)


def stored_month(month: Any, of: str) -> Month:
    """The month that a column holds; ``of`` says whose.

    Raises ``NotAStoreError`` if it holds none.
    """
    if isinstance(month, Month):
        return month
    raise damaged(of, f"has the month {shortened(repr(month))}, which is none")


class RowTypes:
    """The Python types that the first columns of a row may have, by their types in the schema."""

    def __init__(self, columns: Iterable[Column[Any]]) -> None:
        self._columns = tuple(columns)
        #: Those that were found so far and are right: almost all rows have one of a few.
        self._right: set[tuple[type, ...]] = set()

    def refuse_others(self, row: Row[*tuple[Any, ...]]) -> None:
        """Raise ``TypeError`` if a column holds a value of another type."""
        types = tuple(map(type, row))
        if types in self._right:
            return
        for column, found in zip(self._columns, types, strict=False):
            allowed = {column.type.python_type, type(None) if column.nullable else None}
            if found not in allowed:
                what = "damaged text" if found is AsStored else found.__name__
                raise TypeError(f"a {what} as its {column.name}")
        self._right.add(types)


def shortened(text: object) -> str:
    """The text, cut if it is long, in one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _label(month: object) -> str:
    try:
        return str(stored_month(month, ""))
    except NotAStoreError:
        return shortened(repr(month))
