"""Every error that tandem_store raises on purpose.

One class per decision that a caller can take; what the decision needs travels as attributes.
Messages end with what to do next. ``StoreError`` is the root: catching it catches them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Longer ids are cut in a message: an id may be a kilobyte, and what was typed for one a megabyte.
_LONGEST_QUOTED: Final = 200
#: How many ids a message names.
_NAMED: Final = 5


def quote_id(text: str) -> str:
    """Return an id in quotes, as messages name it: cut if it is long."""
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}...")


def quote_ids(ids: Sequence[str], count: int) -> str:
    """Return ids for a message: the first five, and how many of the ``count`` are not named."""
    text = ", ".join(map(quote_id, ids[:_NAMED]))
    return f"{text} and {count - _NAMED:,} more" if count > _NAMED else text


class StoreError(Exception):
    """Something the store refuses or cannot do, said in one sentence."""


class ConflictError(StoreError):
    """Another writer was here first: the id is taken, or the revision moved on.

    Both revisions are ``None`` where telling them would reveal another tenant's run.
    """

    def __init__(
        self, message: str, *, expected: int | None = None, found: int | None = None
    ) -> None:
        super().__init__(message)
        self.expected = expected
        self.found = found


class NotFoundError(StoreError):
    """The named run, month or quarantined item is not in the store."""


class NotAStoreError(StoreError):
    """The database exists but is not a tandem_store database, or is damaged."""


class SchemaBehindError(StoreError):
    """The database is older than this version of tandem_store: upgrade the database."""

    def __init__(self, message: str, *, found: str | None, expected: str) -> None:
        super().__init__(message)
        self.found = found
        self.expected = expected


class SchemaAheadError(StoreError):
    """The database was upgraded by a newer tandem_store: upgrade the package."""

    def __init__(self, message: str, *, found: str, expected: str) -> None:
        super().__init__(message)
        self.found = found
        self.expected = expected


class UnfinishedCopyError(StoreError):
    """A copy into the database was interrupted: run it again before anything else."""


class RecordTooNewError(StoreError):
    """One stored record has a newer shape than this version can read as a record."""


class InvalidCursorError(StoreError):
    """The cursor is damaged, or was made for another filter or order."""


class InvalidFilterError(StoreError, ValueError):
    """A condition of a filter that no question can be made of: the message names it."""


class InvalidFieldError(StoreError, ValueError):
    """A field that an export does not have, or that is named twice: the message names it."""


class StoreLockedError(StoreError):
    """Another process holds the database longer than we are willing to wait."""


class MonthDetachedError(StoreError):
    """The run, or the month, was detached into an archive: attach it first.

    ``archive`` is where the archive was written; ``None`` if that is not known.
    """

    def __init__(self, message: str, *, archive: str | None = None) -> None:
        super().__init__(message)
        self.archive = archive


class ContentForgottenError(StoreError):
    """The content of this run was forgotten: only what is listed of it is left.

    ``run_id`` is the run.
    """

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class HeldError(StoreError):
    """A hold keeps the run, or a run of the month: release it first.

    ``run_ids`` are the held runs, the first 1,000 of them.
    """

    def __init__(self, message: str, *, run_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.run_ids = run_ids


class TenantScopeError(StoreError):
    """The tenant scope is empty or does not match what is written."""


class LeaseLostError(StoreError):
    """The claim ran out or was taken over: stop working on this run."""


class SourceError(StoreError):
    """The legacy state directory cannot be read as one, or changed while it was read."""


class LegacyFormatError(StoreError):
    """A legacy file or entry is not what the engine could read.

    ``chain`` holds the texts outermost first; ``str()`` joins them with ``": "`` as the engine did.
    """

    def __init__(self, *chain: str) -> None:
        super().__init__(": ".join(chain))
        self.chain = chain

    def within(self, context: str) -> LegacyFormatError:
        """Return the same error with one more outer context in front."""
        return LegacyFormatError(context, *self.chain)


class UnstorableError(StoreError):
    """A record that the store does not take.

    ``reason`` is a code: ``out_of_range``, ``id_too_long``, ``ids_too_long_together``,
    ``trigger_too_long`` or ``too_large`` (a column, an index or a document cannot hold it, and so
    the quarantine lists it), ``malformed`` (it could not be read back), ``open_context_run`` (the
    engine never keeps it), or ``unknown_field`` (a change made a field that no engine is known to
    write).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
