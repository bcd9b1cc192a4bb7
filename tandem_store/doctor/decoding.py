"""What reading and decoding damaged bytes can raise."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError

from tandem_store.errors import LegacyFormatError, NotAStoreError, StoreError, UnstorableError

_LONGEST: Final = 200
#: What the messages of the library end with.
_ADVICE: Final = re.compile(
    r"[.:;]? *([Rr]estore the database\b|([A-Z][a-z]+:? )*(the [a-z]+ )?tandem-store ).*$"
)

#: The database cannot read something. A lost connection, a lock or a missing privilege is another
#: matter, and ends the examination.
UNREADABLE: Final = (NotAStoreError, DBAPIError)
#: What decoding damaged bytes can raise: JSON of another shape has other keys and types.
DECODING_ERRORS: Final = (
    *UNREADABLE,
    LegacyFormatError,
    UnstorableError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


def reason(error: BaseException) -> str:
    """Return the reason in a few words, without the statement that failed and without advice."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, StoreError) and _is_of_driver(cause.__cause__):
        cause = cause.__cause__
    words = " ".join(str(cause).split()) or type(error).__name__
    words = _ADVICE.sub("", words).rstrip(".:; ")
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _is_of_driver(error: BaseException | None) -> bool:
    # By name, because the PostgreSQL driver may not be installed.
    return type(error).__module__.partition(".")[0] in {"sqlite3", "psycopg"}
