"""The errors for damaged rows, which hold something else than was written."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError, NotAStoreError
from tandem_store.month import Month

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


def stored_month(key: Any, of: str) -> Month:
    """Return the month that a column holds; ``of`` names the row in the message.

    Raises ``NotAStoreError`` if it holds something else.
    """
    if type(key) is int:
        try:
            return Month.of_key(key)
        except ValueError:
            pass
    raise damaged(of, f"has the month {shortened(repr(key))}, which is not a month")


def shortened(text: object) -> str:
    """Return the text in one line, cut if it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _label(month: object) -> str:
    try:
        return str(stored_month(month, ""))
    except NotAStoreError:
        return shortened(repr(month))
