"""What people would use instead: one short program each, and what it does less.

The first lines of a program say how it works. Those from PyPI run in an environment of their own,
with the packages of ``requirements.txt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to do a part of what this package does."""

    name: str
    #: The program, a module in this folder.
    program: str
    #: What it does less, for the table.
    less: str
    #: The package from PyPI; None if only our own dependencies are needed.
    package: str | None = None

    @property
    def module(self) -> str:
        """The name of the program for ``python -m``."""
        return f"{__name__}.{self.program}"

    def command(self, own: Path, peers: Path | None) -> list[str] | None:
        """Return how it is started; None if it needs an environment that is not there."""
        python = peers if self.package else own
        return [str(python), "-m", self.module] if python else None


FLOOR: Final = Peer(
    "plain loop (the floor)",
    "floor",
    "one `orjson.loads`, then the text as it is: no columns, no validation, no second copies, "
    "no quarantine, no ledger, cannot resume",
)
LOADERS: Final = (
    FLOOR,
    Peer(
        "`json` loop",
        "json_loop",
        "twelve typed columns and the text; otherwise like the floor",
    ),
    Peer(
        "sqlite-utils",
        "sqlite_utils_load",
        "a column for each field, nested ones as JSON text; otherwise like the floor",
        "sqlite-utils",
    ),
    Peer(
        "DuckDB",
        "duckdb_load",
        "twelve typed columns and the text, in one statement on all cores: all or nothing, and "
        "one writing process at a time; otherwise like the floor",
        "duckdb",
    ),
)
PLAIN_SQLITE: Final = Peer(
    "plain sqlite3",
    "plain_sqlite",
    "one table with six columns and the document in zstd: no validation but in `get`, no "
    "revisions and retries, no months, no rules of the engine",
)
SERVERS: Final = (
    PLAIN_SQLITE,
    Peer(
        "LangGraph",
        "langgraph_saver",
        "the saver of checkpoints: the state as one blob under a thread, no columns, no "
        "validation; an update adds a checkpoint and keeps the old one; a list decodes every state",
        "langgraph-checkpoint-sqlite",
    ),
    Peer(
        "Dagster",
        "dagster_runs",
        "the run storage: the document is the configuration of a run, nothing of it is validated; "
        "an update changes the status; a list decodes every run; its own pragmas "
        "(`synchronous=FULL`) and a connection for each call",
        "dagster",
    ),
)
ENGINE: Final = Peer(
    "the engine's files",
    "engine_files",
    "every shard and the hot file are written anew, from dicts that are in memory already",
)
