"""The automations: the current definition of each."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from tandem_store.database.damaged_rows import DAMAGE, damaged
from tandem_store.database.read_only import ReadOnly
from tandem_store.errors import NotAStoreError, RecordTooNewError, UnstorableError, quote_id
from tandem_store.jsontext import canonical, dumps, loads
from tandem_store.mapping import (
    DEFINITION_VERSION,
    LARGEST_BIGINT,
    compress,
    decompress,
    refuse_long_id,
)
from tandem_store.mapping.compression import ENCODING
from tandem_store.tables import automations

if TYPE_CHECKING:
    from tandem_store.records import AutomationSpec

_TEXTS: Final = ("automation_id", "name", "status")
_TIME: Final = "updated_at_ms"


class AutomationReader(ReadOnly):
    """The automations as the connection's transaction sees them; cannot write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, automation_id: str) -> AutomationSpec | None:
        """Return the current definition, or None if there is no automation with this id.

        Raises:
            RecordTooNewError: a newer version wrote it.
            NotAStoreError: it is damaged, or does not match its digest.
        """
        query = select(automations).where(automations.c.automation_id == automation_id)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.automation_id != automation_id:
            # A damaged index led to another row.
            raise _damaged(row, f"was found where {quote_id(automation_id)} should be")
        return _definition(row)

    def count(self) -> int:
        """Return how many automations have a definition."""
        query = select(func.count()).select_from(automations)
        return self._connection.execute(query).scalar_one()

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all automations that have a definition, by their code points."""
        query = select(automations.c.automation_id).order_by(automations.c.automation_id)
        return tuple(self._connection.execute(query).scalars())

    def iterate(self) -> Iterator[AutomationSpec]:
        """Yield every definition, by the code points of the ids. Raises as ``get`` does."""
        query = select(automations).order_by(automations.c.automation_id)
        # By a cursor on the server, where the driver would otherwise fetch all of them at once.
        # Closed at once if one of them is damaged.
        with self._connection.execute(query, execution_options={"yield_per": 100}) as rows:
            yield from map(_definition, rows)


class Automations(AutomationReader):
    """The automations, for reading and writing; the connection's owner commits."""

    def put(self, definition: AutomationSpec) -> bool:
        """Make this the current definition.

        Returns False, and writes nothing, if it is the current one already.

        Raises ``UnstorableError`` if a column cannot hold it.
        """
        row = _row(definition.to_legacy())
        key = automations.c.automation_id == row["automation_id"]
        query = select(automations.c.digest).where(key)
        digest = self._connection.execute(query).scalar()
        if digest is None:
            self._connection.execute(insert(automations).values(row))
        elif digest != row["digest"]:
            self._connection.execute(update(automations).where(key).values(row))
        return digest is None or digest != row["digest"]


def _row(definition: dict[str, Any]) -> dict[str, Any]:
    rest = {key: item for key, item in definition.items() if key not in {*_TEXTS, _TIME}}
    at = definition[_TIME]
    if at > LARGEST_BIGINT:
        raise UnstorableError(f"{_TIME} {at} is beyond 2^63 - 1", reason="out_of_range")
    texts = {name: definition[name] for name in _TEXTS}
    refuse_long_id("automation_id", texts["automation_id"])
    return {
        **texts,
        _TIME: at,
        "schema_version": DEFINITION_VERSION,
        "digest": sha256(canonical(definition)).digest(),
        "encoding": ENCODING,
        "document": compress(dumps(rest)),
    }


def _definition(row: Row[Any]) -> AutomationSpec:
    try:
        too_new = row.schema_version > DEFINITION_VERSION
        name = row.automation_id
        definition = None if too_new else _value(row)
    except (NotAStoreError, *DAMAGE) as error:
        raise _damaged(row, f"cannot be read: {error}") from error
    if definition is None:
        raise RecordTooNewError(
            f"The automation {quote_id(name)} was written in version {row.schema_version}; this "
            f"tandem-store reads up to {DEFINITION_VERSION}. Upgrade the package tandem-store."
        )
    return definition


def _value(row: Row[Any]) -> AutomationSpec:
    columns = {name: getattr(row, name) for name in _TEXTS}
    rest = loads(decompress(row.document, row.encoding))
    definition = {**columns, _TIME: row.updated_at_ms, **rest}
    if sha256(canonical(definition)).digest() != row.digest:
        raise ValueError("it is not the one that its digest says")
    # Here, because few programs need the models, which take long to import.
    from tandem_store.records.reading import read_automation

    return read_automation(definition)


def _damaged(row: Row[Any], how: str) -> NotAStoreError:
    return damaged(f"The automation {row.automation_id!r}", how)
