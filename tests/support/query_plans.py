"""The statements that a question sends, so that the database can be asked about each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event


def explained(connection: Connection, question: Callable[[], Any], explain: str) -> list[str]:
    """What the database answers to ``explain`` with each statement, its rows joined by line ends.

    Statements that insert, and those that only set something up, are left out.
    """
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    question()
    event.remove(connection, "before_cursor_execute", note)
    return [
        "\n".join(
            str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
        )
        for statement, parameters in sent
        if statement.startswith(("SELECT", "UPDATE", "DELETE"))
    ]
