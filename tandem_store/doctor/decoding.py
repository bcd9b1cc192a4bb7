"""What reading and decoding damaged bytes can raise."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError

from tandem_store.errors import StoreError

#: Of the database; its failures to read are ours already where they have a sentence.
UNREADABLE: Final = (StoreError, DBAPIError)
#: Of the bytes, which may be any: JSON of another shape has other keys and types.
DAMAGED: Final = (*UNREADABLE, ValueError, LookupError, TypeError, AttributeError)


def reason(error: BaseException) -> str:
    """Why, in a few words, without the statement that failed or advice that is given elsewhere."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = " ".join(str(cause).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


_LONGEST: Final = 200
