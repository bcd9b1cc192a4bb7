"""How long the texts may be that indexes hold, in bytes of UTF-8 as columns have them.

A row of a B-tree index of PostgreSQL has at most 2,704 bytes, a third of a page
(https://www.postgresql.org/docs/current/btree.html). Its texts are compressed where that helps, but
an id need not be compressible, so nothing is hoped for. A row's own header, the headers of its
texts, its numbers and the gaps between them take less than 104 bytes in every index of ours. SQLite
would take more; the limits are the same there, so that a store can be copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem_store.errors import UnstorableError
from tandem_store.stored_text import is_longer

#: What the texts of one index row may have together.
LONGEST_TOGETHER: Final = 2_600
#: The longest id, so that two of them fit into one row with any status.
LONGEST_ID: Final = 1_024
#: The longest trigger, which one row has beside an id and a status.
LONGEST_TRIGGER: Final = 1_024
#: The ids that one row has: in the indexes of a tenant's runs, and in that of its automations.
_TOGETHER: Final = (
    ("run_id", "org_id", "workspace_id", "deployment_id"),
    ("org_id", "workspace_id", "automation_id"),
)
#: The ids of a run, each of which has a limit of its own.
_IDS: Final = ("run_id", "automation_id", "org_id", "workspace_id", "deployment_id")
_INDEXED: Final = (*_IDS, "trigger_type")


def refuse_long_id(name: str, value: str) -> None:
    """Raise ``UnstorableError`` for an id that is too long for an index."""
    if is_longer(value, LONGEST_ID):
        raise UnstorableError(f"{name} is longer than {LONGEST_ID} bytes", reason="id_too_long")


def refuse_long_texts(columns: Mapping[str, Any]) -> None:
    """Raise ``UnstorableError`` if a run's ids or its trigger are too long for an index.

    That holds for each of them, and for the ids that one row of an index has together.
    """
    together = "".join([columns[name] or "" for name in _INDEXED])
    if not is_longer(together, LONGEST_ID):
        return  # as nearly always, and then none of the limits is reached
    for name in _IDS:
        if columns[name] is not None:
            refuse_long_id(name, columns[name])
    if is_longer(columns["trigger_type"], LONGEST_TRIGGER):
        raise UnstorableError(
            f"trigger_type is longer than {LONGEST_TRIGGER} bytes", reason="trigger_too_long"
        )
    for names in _TOGETHER:
        if is_longer("".join(columns[name] or "" for name in names), LONGEST_TOGETHER):
            raise UnstorableError(
                f"{', '.join(names)} are longer than {LONGEST_TOGETHER} bytes together",
                reason="ids_too_long_together",
            )
