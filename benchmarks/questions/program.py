"""A program that fills a store and asks the questions, for everybody and for one small tenant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, event

from benchmarks.answering import answer
from benchmarks.questions.asked import QUESTIONS, Question, Subject
from benchmarks.questions.filling import SMALL_TENANTS, WORKSPACE, fill
from tandem_store import RunFilter, TenantScope, open_store, upgrade
from tandem_store.runs import RunReader

_INDEX: Final = re.compile(r"\b(?:ix_runs_\w+|\w+_pkey|pk_\w+|sqlite_autoindex_\w+)")
_TABLE: Final = re.compile(r"\b(run_documents\w*)")
_EXPLAIN: Final = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
#: How the names of keys begin, and what a reader should see instead.
_KEYS: Final = {
    "pk_runs": "key of runs",
    "sqlite_autoindex_runs": "key of runs",
    "run_documents": "key of documents",
    "sqlite_autoindex_run_documents": "key of documents",
    "pk_automation_snapshots": "key of snapshots",
}


class Asking:
    """A filled store and its calls: each question twice, and the indexes that answer it."""

    def __init__(self, *, url: str, runs: int, seed: int, **_: Any) -> None:
        upgrade(url)
        self._store = open_store(url)
        fill(self._store, wanted=runs, seed=seed)
        self._tenant = TenantScope(org_id="org-1", workspace_id=WORKSPACE)
        with self._store.read() as tx:
            newest = tx.runs.list(RunFilter(status="failed"), limit=1).items[0]
        # Both of that tenant.
        added = [f"run-{number:07}" for number in (2 * SMALL_TENANTS, 4 * SMALL_TENANTS)]
        self._subject = Subject(newest.automation_id, *added)

    def by_name(self) -> dict[str, Callable[[], Any]]:
        """Return the calls by their names."""
        calls: dict[str, Callable[[], Any]] = {"indexes": self.indexes}
        for question in QUESTIONS:
            calls[question.words] = partial(self._ask, question)
            calls[of_tenant(question)] = partial(self._ask_for_tenant, question)
        return calls

    def _ask(self, question: Question) -> None:
        with self._store.read() as tx:
            question.ask(tx.runs, self._subject)

    def _ask_for_tenant(self, question: Question) -> None:
        with self._store.for_tenant(self._tenant).read() as tx:
            question.ask(tx.runs, self._subject)

    def indexes(self) -> dict[str, list[str]]:
        """Return the indexes that answer each question."""
        with self._store.read() as tx:
            return {
                question.words: sorted(set(self._indexes_of(tx.connection, tx.runs, question)))
                for question in QUESTIONS
            }

    def _indexes_of(
        self, connection: Connection, runs: RunReader, question: Question
    ) -> Iterator[str]:
        statements: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        question.ask(runs, self._subject)
        event.remove(connection, "before_cursor_execute", note)
        explain = _EXPLAIN[connection.dialect.name]
        for statement, parameters in statements:
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
            plan = "\n".join(str(row[-1]) for row in rows)
            if not question.reads_documents and (read := _TABLE.search(plan)):
                raise AssertionError(f"{question.words} reads {read[1]}")
            yield from map(_shown, _INDEX.findall(plan))


def _shown(name: str) -> str:
    return next((shown for key, shown in _KEYS.items() if name.startswith(key)), name)


def of_tenant(question: Question) -> str:
    """Return the name of the call that asks for one tenant."""
    return f"{question.words} (of a tenant)"


if __name__ == "__main__":
    answer(lambda setup: Asking(**setup).by_name())
