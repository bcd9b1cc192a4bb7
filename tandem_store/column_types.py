"""Column types: text that every database can hold, and months as numbers.

A value that a column should not hold, as damage leaves it, is read as it is: whoever reads it
decides what that means.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
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
from tandem_store.stored_text import AsStored, escaped, unescaped

_T = TypeVar("_T")

#: Turns a value into what is stored, or back.
Convert = Callable[[Any], Any]
#: Turns the values of a column, in many rows, into what is stored.
ConvertAll = Callable[[Sequence[Any]], Sequence[Any]]

#: Months by their numbers. A store has hundreds at most, and making one takes a microsecond.
_MONTHS: Final[dict[int, Month]] = {}


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
        """Return the value that this stands for; what stands for no value is returned as it is."""
        raise NotImplementedError

    @classmethod
    def all_to_stored(cls, values: Sequence[Any]) -> Sequence[Any]:
        """Return what is stored for each of the values."""
        return list(map(cls.to_stored, values))

    @classmethod
    def all_from_stored(cls, values: Sequence[Any]) -> Iterable[Any]:
        """Return what ``from_stored`` returns for each of the values."""
        return map(cls.from_stored, values)

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


class EscapedText(StoredAs[str]):
    """Any text that Python can hold, also with U+0000 or with bytes that are not UTF-8."""

    impl = Text
    cache_ok = True
    python_type = str
    stored_type = Text()

    to_stored = staticmethod(escaped)
    from_stored = staticmethod(unescaped)

    @classmethod
    def all_to_stored(cls, values: Sequence[Any]) -> Sequence[Any]:
        """Return what is stored for each of the values, which for nearly all is the value."""
        is_plain = set(map(type, values)) <= {str, NoneType}
        if is_plain and "".join(filter(None, values)).isprintable():
            return values
        return super().all_to_stored(values)

    @classmethod
    def all_from_stored(cls, values: Sequence[Any]) -> Iterable[Any]:
        """Return the values unescaped; together, because hardly any text has an escape."""
        try:
            is_plain = "".join(filter(None, values)).isprintable()
        except TypeError:  # damage, which is returned as it is
            is_plain = False
        return values if is_plain else map(unescaped, values)


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


def converter(column_type: TypeEngine[Any]) -> ConvertAll | None:
    """Return the function that converts what is written, or None for a type without one."""
    return column_type.all_to_stored if isinstance(column_type, StoredAs) else None


def as_stored(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the column with its values as they are stored."""
    return type_coerce(column, stored_type(column.type))


def starts_with(column: ColumnElement[str], beginning: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a text to begin with ``beginning``, as an index can answer them.

    They are a range, because LIKE uses no index on SQLite, where it takes "a" for "A".
    """
    first: str = escaped(beginning)
    # The first text after all that begin so. There is none after the greatest character.
    kept = first.rstrip(chr(sys.maxunicode))
    if not kept:
        return (column >= AsStored(first),)
    following = ord(kept[-1]) + 1
    # No database takes a lone surrogate.
    end = kept[:-1] + chr(0xE000 if following == 0xD800 else following)
    return column >= AsStored(first), column < AsStored(end)
