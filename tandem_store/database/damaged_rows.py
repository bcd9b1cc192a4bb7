"""What is raised for rows that are not what was written, whatever is wrong with them."""

from __future__ import annotations

from typing import Any, Final

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


def stored_month(key: Any, of: str) -> Month:
    """The month that a column holds; ``of`` says whose.

    Raises ``NotAStoreError`` if it holds none.
    """
    if type(key) is int:
        try:
            return Month.of_key(key)
        except ValueError:
            pass
    raise damaged(of, f"has the month {shortened(repr(key))}, which is none")


def shortened(text: object) -> str:
    """The text, cut if it is long, in one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _label(month: object) -> str:
    try:
        return str(stored_month(month, ""))
    except NotAStoreError:
        return shortened(repr(month))
