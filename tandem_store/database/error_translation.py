"""Translates the errors of both drivers into ours, by the codes of SQLite and PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tandem_store.errors import (
    MonthDetachedError,
    NotAStoreError,
    StoreError,
    StoreLockedError,
)

#: The largest number that a column holds; the smallest is the negative of it, less one.
_LARGEST: Final = 2**63 - 1
_LOCKED: Final = "Another process is using the database. Wait for it to finish, then try again."
_FULL: Final = (
    "The disk is full, and nothing of the transaction is stored. Free some space, then do the same "
    "again."
)
_DAMAGED: Final = (
    "The file is damaged or not an SQLite database. Restore it from a backup, or name another file."
)
_MISSING: Final = (
    "A table or column of the store is missing: the database is damaged, or somebody altered it. "
    "See what is wrong with: tandem-store doctor"
)
_NO_TEXT: Final = (
    "The database is damaged: a text in it cannot be decoded. Restore it from a backup. Find other "
    "damage with: tandem-store doctor --deep"
)
_MEMORY: Final = "There is not enough memory for what was asked. Ask for less at once."
_TOO_LARGE: Final = "A value or a question is larger than the database takes. Make it smaller."
_TOO_MANY: Final = "More values were asked for than the database takes. Ask for fewer at once."
_NUMBER: Final = (
    f"A number is too large for the database, which takes at most {_LARGEST:,}. Use a smaller one."
)
_LEFT: Final = (
    "The month of a run was detached while this transaction was open. Begin another one, which "
    "sees where it is."
)
_TOO_LONG: Final = (
    "The PostgreSQL server ended what took longer than its {setting} allows. Do less at once, or "
    "raise it, with: ALTER ROLE ... SET {setting} = ..."
)

# Messages of SQLite and of the PostgreSQL client that have no code.
_WORDS: Final[tuple[tuple[re.Pattern[str], type[StoreError], str], ...]] = (
    (re.compile("^no such (table|column)|has no column named"), NotAStoreError, _MISSING),
    (re.compile("^Could not decode to UTF-8"), NotAStoreError, _NO_TEXT),
    (re.compile("^too many SQL variables|number of parameters must be"), StoreError, _TOO_MANY),
)

# Prefixes, because an extended SQLite code begins with the plain one; the first match counts.
_SQLITE: Final[tuple[tuple[str, type[StoreError], str], ...]] = (
    ("SQLITE_BUSY", StoreLockedError, _LOCKED),
    ("SQLITE_LOCKED", StoreLockedError, _LOCKED),
    ("SQLITE_PROTOCOL", StoreLockedError, _LOCKED),
    ("SQLITE_FULL", StoreError, _FULL),
    ("SQLITE_NOMEM", StoreError, _MEMORY),
    ("SQLITE_TOOBIG", StoreError, _TOO_LARGE),
    (
        "SQLITE_MISMATCH",
        StoreError,
        "A value is not of the type that its column takes. Use a value of that type.",
    ),
    ("SQLITE_NOTADB", NotAStoreError, _DAMAGED),
    ("SQLITE_CORRUPT", NotAStoreError, _DAMAGED),
    (
        "SQLITE_READONLY_ROLLBACK",
        StoreError,
        "A process was killed while it wrote to the database, and its work must be undone first. "
        "Open the database as a user who may write to the file and its folder.",
    ),
    (
        "SQLITE_READONLY",
        StoreError,
        "The database cannot be written to. Both the file and its folder must be writable, as "
        "SQLite keeps its write-ahead log beside the file: check their permissions and the disk.",
    ),
    (
        "SQLITE_CANTOPEN",
        StoreError,
        "The database file cannot be opened. It must be a file that you may read; and to write, "
        "or while there is a write-ahead log beside it, its folder must be writable too: check "
        "the permissions of both.",
    ),
    ("SQLITE_PERM", StoreError, "You have no permission to use the database file."),
    ("SQLITE_AUTH", StoreError, "You have no permission to use the database file."),
    ("SQLITE_IOERR", StoreError, "The database file cannot be read or written: check the disk."),
)

# SQLSTATE, or its class of two characters.
_POSTGRESQL: Final[tuple[tuple[str, type[StoreError], str], ...]] = (
    ("55P03", StoreLockedError, _LOCKED),
    ("40001", StoreLockedError, _LOCKED),
    ("40P01", StoreLockedError, _LOCKED),
    ("53100", StoreError, _FULL),
    ("53200", StoreError, _MEMORY),
    ("53300", StoreError, "The PostgreSQL server has no connection left. Try again later."),
    ("42501", StoreError, "The PostgreSQL user lacks a privilege on the store's schema."),
    ("25006", StoreError, "This PostgreSQL transaction or server is read-only."),
    ("3D000", StoreError, "The PostgreSQL server has no such database. Make it with: createdb"),
    ("28", StoreError, "The PostgreSQL server refused the user or the password."),
    ("42P01", NotAStoreError, _MISSING),
    ("42703", NotAStoreError, _MISSING),
    ("3F000", NotAStoreError, _MISSING),
    ("22003", StoreError, _NUMBER),
    ("54", StoreError, _TOO_LARGE),
    ("57014", StoreError, _TOO_LONG.format(setting="statement_timeout")),
    ("25P03", StoreError, _TOO_LONG.format(setting="idle_in_transaction_session_timeout")),
    ("25P04", StoreError, _TOO_LONG.format(setting="transaction_timeout")),
    ("57P05", StoreError, _TOO_LONG.format(setting="idle_session_timeout")),
    ("57P", StoreError, "The PostgreSQL server is stopping or starting. Try again later."),
    (
        "08",
        StoreError,
        "The connection to the PostgreSQL server failed or was lost. Check server, host and port.",
    ),
)
#: A broken check; that of a partition has no name.
_NO_PARTITION: Final = "23514"
#: Stands for failures without a code: mostly, the server was never reached.
_NO_STATE: Final = "08001"
_NO_DATABASE: Final = re.compile(r'FATAL: +database ".*" does not exist')


def translate(error: BaseException) -> StoreError | None:
    """Return our error for a driver's, bare or wrapped by SQLAlchemy; None if we have none.

    The driver's own words are appended in brackets, because people search for them.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, UnicodeDecodeError):
        return NotAStoreError(because(_NO_TEXT, str(original)))
    if isinstance(original, sqlite3.Error):
        return _by_words(original) or _match(_SQLITE, _sqlite_code(original), original)
    # By name, because the PostgreSQL driver may not be installed.
    if original is not None and type(original).__module__.partition(".")[0] == "psycopg":
        state = _sqlstate(original)
        if state == _NO_PARTITION and not _constraint(original):
            return MonthDetachedError(because(_LEFT, str(original)))
        if state == _NO_STATE and (known := _by_words(original)):
            return known
        return _match(_POSTGRESQL, state, original)
    return None


def translate_call(error: BaseException) -> StoreError | None:
    """Return our error for anything that a call of the driver raised; None if we have none."""
    # A driver reaches the limits of Python and of its memory before the database does.
    if isinstance(error, OverflowError):
        return StoreError(f"{_NUMBER} [{error}]")
    if isinstance(error, MemoryError):
        return StoreError(_MEMORY)
    return translate(error)


def in_words(error: Exception) -> str | None:
    """Return a sentence, without SQL, for an error of SQLAlchemy; None for other errors."""
    if not isinstance(error, SQLAlchemyError):
        return None
    if (known := translate(error)) is not None:
        return str(known)
    said = error.orig if isinstance(error, DBAPIError) else error.args[0] if error.args else ""
    return (
        f"The database did not do what was asked ({type(error).__name__}: "
        f"{' '.join(str(said).split())}). See what is wrong with: tandem-store doctor"
    )


def is_refused_write(error: BaseException) -> bool:
    """Return whether the error is a refused write through a connection that only reads."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) == "SQLITE_READONLY"
    return getattr(error, "sqlstate", None) == "25006"


def is_aftermath(error: BaseException) -> bool:
    """Return whether PostgreSQL refuses a statement only because an earlier one failed."""
    return getattr(error, "sqlstate", None) == "25P02"


def _sqlite_code(error: sqlite3.Error) -> str:
    # Errors of the Python module itself, such as a closed connection, carry no code.
    return getattr(error, "sqlite_errorname", "")


def _sqlstate(error: BaseException) -> str:
    # The client has no code while it connects. Mostly it never reached a server, which is class 08;
    # that a database is missing shows only in the server's words.
    state = getattr(error, "sqlstate", None)
    if state is None and _NO_DATABASE.search(str(error)):
        return "3D000"
    if state is None and type(error).__name__ in {"OperationalError", "ConnectionTimeout"}:
        return _NO_STATE
    return state or ""


def _constraint(error: BaseException) -> str | None:
    """Return the name of the constraint that PostgreSQL found broken."""
    return getattr(getattr(error, "diag", None), "constraint_name", None)


def _match(
    known: tuple[tuple[str, type[StoreError], str], ...], code: str, original: BaseException
) -> StoreError | None:
    for prefix, kind, message in known:
        if code.startswith(prefix):
            return kind(because(message, str(original)))
    return None


def _by_words(original: BaseException) -> StoreError | None:
    words = " ".join(str(original).split())
    for pattern, kind, message in _WORDS:
        if pattern.search(words):
            return kind(because(message, words))
    return None


@contextmanager
def translating() -> Iterator[None]:
    """Translate errors of the SQLite driver that leave the block; all others pass unchanged.

    For connections that no engine opened; an engine's statements raise our errors by themselves.
    """
    try:
        yield
    except sqlite3.Error as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


def because(message: str, why: str) -> str:
    """Return the message with the words of the database in brackets, at its end.

    They follow the first sentence instead if the message ends with a command, which people copy.
    """
    quoted = f"[{' '.join(why.split())}]"
    first, stop, rest = message.partition(". ")
    return f"{first} {quoted}{stop}{rest}" if "tandem-store " in rest else f"{message} {quoted}"
