"""Dictionaries of compacted documents: stored once, read once, kept while a document needs them.

A dictionary never changes. A month is listed with the dictionaries that its documents may need, so
that nobody has to read the documents to know.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from functools import partial
from hashlib import sha256
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from tandem_store.clock import now_ms
from tandem_store.database.damaged_rows import damaged
from tandem_store.errors import NotAStoreError
from tandem_store.mapping import compression
from tandem_store.mapping.compression import ENCODING, WITH_DICTIONARY, FindDictionary
from tandem_store.month import Month
from tandem_store.tables import dictionaries, month_dictionaries
from tandem_store.zstd import ZstdDict

#: How many dictionaries are kept ready for each engine. Reading one takes milliseconds, using one
#: that is there takes no longer than a document without a dictionary.
_KEPT: Final = 8

_kept: Final[WeakKeyDictionary[Engine, dict[int, ZstdDict]]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def decompress(connection: Connection, blob: bytes, encoding: str) -> bytes:
    """Return the bytes of a run's document, which may need a dictionary.

    Raises ``NotAStoreError`` for damage, also if the dictionary is damaged or missing.
    """
    if encoding != WITH_DICTIONARY:
        return compression.decompress(blob, encoding)
    return compression.decompress(blob, encoding, find_dictionary=finder(connection))


def finder(connection: Connection) -> FindDictionary:
    """Return the function that finds the dictionaries of the connection's database.

    It reads each of them once, and keeps those that it found last for all connections of the same
    engine.
    """
    return partial(_found, connection)


def _found(connection: Connection, number: int) -> ZstdDict:
    with _lock:
        kept = _kept.setdefault(connection.engine, {})
    if (dictionary := kept.get(number)) is None:
        dictionary = read(connection, number)
        with _lock:
            while len(kept) >= _KEPT:
                del kept[next(iter(kept))]
            kept[number] = dictionary
    return dictionary


def read(connection: Connection, number: int) -> ZstdDict:
    """Return a dictionary as the database has it now.

    Raises ``NotAStoreError`` if it is damaged or missing.
    """
    row = connection.execute(select(dictionaries).where(dictionaries.c.id == number)).one_or_none()
    if row is None:
        raise damaged(f"The dictionary {number}", "is missing, and with it documents are lost")
    return _checked(row)


def newest(connection: Connection, count: int) -> list[ZstdDict]:
    """Return the ``count`` dictionaries that were made last, the newest first."""
    order = dictionaries.c.created_at_ms.desc(), dictionaries.c.id
    rows = connection.execute(select(dictionaries).order_by(*order).limit(count))
    return [_checked(row) for row in rows]


def _checked(row: Row[Any]) -> ZstdDict:
    try:
        return compression.stored_dictionary(row.id, row.encoding, row.content, row.digest)
    except NotAStoreError as error:
        raise damaged(f"The dictionary {row.id}", f"cannot be read: {error}") from error


def compressed(dictionary: ZstdDict) -> bytes:
    """Return what is stored of a dictionary: compressed as well as possible, as it is read once."""
    return compression.compressor_with(None, level=19)(dictionary.dict_content)


def list_for_month(
    connection: Connection, month: Month, dictionary: ZstdDict, content: bytes
) -> None:
    """Enter that documents of ``month`` need a dictionary, which is stored unless it is there.

    ``content`` is what is stored of it. Call this before the first such document is written, or in
    the same transaction.
    """
    number = dictionary.dict_id
    if number in listed_for_month(connection, month):
        return
    known = select(dictionaries.c.id).where(dictionaries.c.id == number)
    if connection.execute(known).first() is None:
        row = {
            "id": number,
            "digest": sha256(dictionary.dict_content).digest(),
            "encoding": ENCODING,
            "content": content,
            "created_at_ms": now_ms(),
        }
        connection.execute(insert(dictionaries).values(row))
    connection.execute(insert(month_dictionaries).values(month=month, dictionary_id=number))


def numbers(connection: Connection) -> set[int]:
    """Return the numbers of all dictionaries."""
    return set(connection.execute(select(dictionaries.c.id)).scalars())


def listed_for_month(connection: Connection, month: Month) -> set[int]:
    """Return the numbers of the dictionaries that documents of ``month`` may need."""
    table = month_dictionaries
    query = select(table.c.dictionary_id).where(table.c.month == month)
    return set(connection.execute(query).scalars())


def unlist(connection: Connection, month: Month, numbers: Collection[int]) -> None:
    """Enter that no document of ``month`` needs these dictionaries any more."""
    table = month_dictionaries
    connection.execute(
        delete(table).where(table.c.month == month, table.c.dictionary_id.in_(numbers))
    )


def forget_unlisted(connection: Connection) -> None:
    """Delete the dictionaries that no month needs."""
    listed = select(month_dictionaries.c.month).where(
        month_dictionaries.c.dictionary_id == dictionaries.c.id
    )
    connection.execute(delete(dictionaries).where(~listed.exists()))
