"""Column types: text that every database can hold, and months as numbers.

PostgreSQL refuses U+0000 in text, and file names that are not UTF-8 reach Python as lone surrogates
that no database takes. Both are stored as U+0001 and two hexadecimal digits of the byte, and U+0001
itself in the same way, which makes the escape reversible. The other lone surrogates, which no
record has but a caller may ask for, are stored as U+0001, ``u`` and four digits. Ordinary text is
stored as it is, so it sorts as it would without the escape.

A value that a column should not hold, as damage leaves it, is read as it is: whoever reads it
decides what that means.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from tandem_store.month import Month

_T = TypeVar("_T")

#: Turns a value into what is stored, or back.
Convert = Callable[[Any], Any]

_ESCAPED: Final = re.compile("[\x00\x01\ud800-\udfff]")
_ESCAPE: Final = re.compile("\x01(?:u([0-9a-f]{4})|([0-9a-f]{2}))")
#: The most bytes of UTF-8 that one character takes when it is stored.
_WIDEST: Final = 6
#: Months by their numbers. A store has hundreds at most, and making one takes a microsecond.
_MONTHS: Final[dict[int, Month]] = {}


class AsStored(str):
    """A text exactly as a column holds it: compared and written without an escape.

    A column that holds what no escape makes, as after damage, returns its text as one of these, so
    that a question that names the value finds the same row again.
    """

    __slots__ = ()


class StoredAs(TypeDecorator[_T]):
    """A type whose values are converted on their way into a column and out of it."""

    cache_ok = True

    #: The column's type in the database.
    stored_type: ClassVar[TypeEngine[Any]]

    @staticmethod
    def to_stored(value: Any) -> Any:
        """Return what is stored for a value; a value of another type is stored as it is."""
        raise NotImplementedError

    @staticmethod
    def from_stored(value: Any) -> Any:
        """Return the value of what is stored; what nothing is stored as is returned as it is."""
        raise NotImplementedError

    def process_bind_param(self, value: Any, _dialect: Dialect) -> Any:
        """Convert one value, as of a literal in a statement."""
        return self.to_stored(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> Any:
        """Convert one value that was read."""
        return self.from_stored(value)

    # The functions themselves, because one that calls ``process_bind_param`` takes twice as long.
    # None of the types below has a processor of its own.

    def bind_processor(self, _dialect: Dialect) -> Convert:
        """Return the function that converts what is written."""
        return self.to_stored

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Convert:
        """Return the function that converts what is read."""
        return self.from_stored


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return f"\x01{code & 0xFF:02x}"
    return f"\x01u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    byte = int(match[2], 16)
    return chr(byte if byte < 0x80 else 0xDC00 + byte)


class EscapedText(StoredAs[str]):
    """Any text that Python can hold, also with U+0000 or with bytes that are not UTF-8."""

    impl = Text
    cache_ok = True
    python_type = str
    stored_type = Text()

    @staticmethod
    def to_stored(value: Any) -> Any:
        """Escape a text; members of an enumeration count as the text that they are."""
        if type(value) is str:
            return value if value.isprintable() else _ESCAPED.sub(_escape, value)
        if isinstance(value, str) and not isinstance(value, AsStored):
            return EscapedText.to_stored(str.__str__(value))
        return value

    @staticmethod
    def from_stored(value: Any) -> Any:
        """Return the text as it was before the escape."""
        if type(value) is not str or value.isprintable():  # as no escape is
            return value
        text = _ESCAPE.sub(_unescape, value)
        return text if EscapedText.to_stored(text) == value else AsStored(value)


_BY_CODE_POINT: Final = Text(collation="C")


class Code(EscapedText):
    """The text of an id or of a closed word.

    Ordered by code point on both databases, whatever the server's locale.
    """

    cache_ok = True
    stored_type = Text().with_variant(_BY_CODE_POINT, "postgresql")

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type in a database."""
        return _BY_CODE_POINT if dialect.name == "postgresql" else self.impl_instance


class MonthKey(StoredAs[Month]):
    """A month, stored as the number ``YYYYMM``."""

    impl = Integer
    cache_ok = True
    python_type = Month
    stored_type = Integer()

    @staticmethod
    def to_stored(value: Any) -> Any:
        """Return the number of a month."""
        return value.key if type(value) is Month else value

    @staticmethod
    def from_stored(value: Any) -> Any:
        """Return the month of a number."""
        if type(value) is not int:
            return value
        month = _MONTHS.get(value)
        if month is None:
            try:
                month = _MONTHS[value] = Month.of_key(value)
            except ValueError:
                return value
        return month


#: A SHA-256.
Digest: Final = LargeBinary(32)
#: The first eight bytes of a hash, which are enough to ask whether two values agree.
ShortHash: Final = LargeBinary(8)


def stored_type(column_type: TypeEngine[_T]) -> TypeEngine[Any]:
    """Return the type by which a column's values are read and written as they are stored."""
    return column_type.stored_type if isinstance(column_type, StoredAs) else column_type


def converter(column_type: TypeEngine[Any]) -> Convert | None:
    """Return the function that converts what is written, or None for a type without one."""
    return column_type.to_stored if isinstance(column_type, StoredAs) else None


def as_stored(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the column with its values as they are stored."""
    return type_coerce(column, stored_type(column.type))


def is_longer(text: str, limit: int) -> bool:
    """Whether a text, as it is stored, takes more than ``limit`` bytes of UTF-8."""
    # Almost all are too short to be counted.
    return len(text) * _WIDEST > limit and len(EscapedText.to_stored(text).encode()) > limit


def starts_with(column: ColumnElement[str], beginning: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a text to begin so, which an index answers.

    They are a range, because LIKE walks no index on SQLite, where it takes "a" for "A".
    """
    first: str = EscapedText.to_stored(beginning)
    # The first text after all that begin so. There is none after the greatest character.
    kept = first.rstrip(chr(sys.maxunicode))
    if not kept:
        return (column >= AsStored(first),)
    following = ord(kept[-1]) + 1
    # No database takes a lone surrogate.
    end = kept[:-1] + chr(0xE000 if following == 0xD800 else following)
    return column >= AsStored(first), column < AsStored(end)
