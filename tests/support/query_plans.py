"""The statements that a question sends, so that the database can be asked about each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event


def sent(connection: Connection, question: Callable[[], Any]) -> list[tuple[str, Any]]:
    """Every statement that the question sends, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    question()
    event.remove(connection, "before_cursor_execute", note)
    return statements


def explained(connection: Connection, question: Callable[[], Any], explain: str) -> list[str]:
    """What the database answers to ``explain`` with each statement, its rows joined by line ends.

    Statements that insert, and those that only set something up, are left out.
    """
    return [
        "\n".join(
            str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
        )
        for statement, parameters in sent(connection, question)
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))
    ]
