"""The errors for damaged rows, which hold something else than was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tandem_store.errors import LegacyFormatError, NotAStoreError
from tandem_store.month import Month
from tandem_store.stored_text import AsStored

if TYPE_CHECKING:
    from sqlalchemy import Column

#: The exceptions that using a damaged row can raise: SQLite stores any type in any column.
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
    """Return the error for something damaged; ``how`` completes the sentence after ``what``."""
    return NotAStoreError(
        f"{what} {shortened(how)}. Restore the database from a backup. Find other damage with: "
        "tandem-store doctor --deep"
    )


def damaged_run(run_id: object, month: object, how: object) -> NotAStoreError:
    """Return the error for a damaged run, named by whatever its columns hold."""
    return damaged(f"The run {shortened(repr(run_id))} of month {_label(month)}", how)


def stored_month(month: Any, of: str) -> Month:
    """Return the month that a column holds; ``of`` names the row in the message.

    Raises ``NotAStoreError`` if it holds something else.
    """
    if isinstance(month, Month):
        return month
    raise damaged(of, f"has the month {shortened(repr(month))}, which is not a month")


class RowTypes:
    """The Python types that the first columns of a row may have, by their types in the schema."""

    def __init__(self, columns: Iterable[Column[Any]]) -> None:
        self._columns = tuple(columns)
        #: Combinations found so far that are right: almost all rows have one of a few.
        self._right: set[tuple[type, ...]] = set()

    def refuse_others(self, row: Sequence[Any]) -> None:
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
    """Return the text in one line, cut if it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _label(month: object) -> str:
    try:
        return str(stored_month(month, ""))
    except NotAStoreError:
        return shortened(repr(month))
