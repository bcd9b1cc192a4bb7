"""The automations: the current definition of each."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from tandem_store.errors import RecordTooNewError, UnstorableError
from tandem_store.legacy.json_text import canonical, dumps, loads
from tandem_store.legacy.verdict import read_automation
from tandem_store.mapping import (
    STORED_VERSION,
    from_column,
    pack,
    refuse_long_id,
    to_column,
    unpack,
)
from tandem_store.mapping.blob import ENCODING
from tandem_store.records import AutomationSpec
from tandem_store.schema import automations

_TEXTS: Final = ("automation_id", "name", "status")
_TIME: Final = "updated_at_ms"
_LARGEST_BIGINT: Final = 2**63 - 1


class Automations:
    """The automations, for reading and writing; the connection's owner commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, automation_id: str) -> AutomationSpec | None:
        """The current definition, or None if there is none with this id.

        Raises ``RecordTooNewError`` if a newer version wrote it.
        """
        query = select(automations).where(automations.c.automation_id == to_column(automation_id))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _definition(row)

    def count(self) -> int:
        """How many automations have a definition."""
        query = select(func.count()).select_from(automations)
        return self._connection.execute(query).scalar_one()

    def iterate(self) -> Iterator[AutomationSpec]:
        """Every definition, by the code points of the ids. Raises as ``get`` does."""
        query = select(automations).order_by(automations.c.automation_id)
        # By a cursor on the server, where the driver would otherwise fetch all of them at once.
        rows = self._connection.execute(query, execution_options={"yield_per": 100})
        return map(_definition, rows)

    def put(self, definition: AutomationSpec) -> bool:
        """Make this the current definition; False if it is already, and nothing was written.

        Raises ``UnstorableError`` if a column cannot hold it.
        """
        row = _row(definition.to_legacy())
        key = automations.c.automation_id == row["automation_id"]
        query = select(automations.c.digest).where(key)
        digest = self._connection.execute(query).scalar()
        if digest is None:
            self._connection.execute(insert(automations).values(row))
        elif bytes(digest) != row["digest"]:
            self._connection.execute(update(automations).where(key).values(row))
        return digest is None or bytes(digest) != row["digest"]


def _row(definition: dict[str, Any]) -> dict[str, Any]:
    rest = {key: item for key, item in definition.items() if key not in {*_TEXTS, _TIME}}
    at = definition[_TIME]
    if at > _LARGEST_BIGINT:
        raise UnstorableError(f"{_TIME} {at} is beyond 2^63 - 1", reason="out_of_range")
    texts = {name: to_column(definition[name]) for name in _TEXTS}
    refuse_long_id("automation_id", texts["automation_id"])
    return {
        **texts,
        _TIME: at,
        "schema_version": STORED_VERSION,
        "digest": sha256(canonical(definition)).digest(),
        "encoding": ENCODING,
        "document": pack(dumps(rest)),
    }


def _definition(row: Row[Any]) -> AutomationSpec:
    if row.schema_version > STORED_VERSION:
        raise RecordTooNewError(
            f"The automation {from_column(row.automation_id)!r} was written in version "
            f"{row.schema_version}; this tandem-store reads up to {STORED_VERSION}. Upgrade the "
            "package tandem-store."
        )
    columns = {name: from_column(getattr(row, name)) for name in _TEXTS}
    rest = loads(unpack(row.document, row.encoding))
    return read_automation({**columns, _TIME: row.updated_at_ms, **rest})
