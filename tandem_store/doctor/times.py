"""Times that have not come yet, the sign of a wrong clock."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from sqlalchemy import func, or_, select

from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import LISTED, Finding, Severity, counted, named
from tandem_store.tables import runs

#: Milliseconds by which clocks of different machines may differ.
_TOLERANCE_MS: Final = 3_600_000
_TIMES: Final = (
    runs.c.created_at_ms,
    runs.c.updated_at_ms,
    runs.c.started_at_ms,
    runs.c.finished_at_ms,
)


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding if a run has a time that is more than an hour in the future.

    That may be the time at which it was created, updated, started or finished.
    """
    ahead = or_(*(column > context.now_ms + _TOLERANCE_MS for column in _TIMES))
    with context.read() as connection:
        count = connection.execute(select(func.count()).where(ahead)).scalar_one()
        query = select(runs.c.run_id).where(ahead).order_by(runs.c.run_id).limit(LISTED)
        ids = list(connection.execute(query).scalars())
    if count:
        yield Finding(
            code="time_in_future",
            severity=Severity.WARNING,
            what=(
                f"{counted(count, 'run')} with a time in the future, from a machine whose clock "
                f"was wrong: {named(ids, count)}."
            ),
            command=f"tandem-store runs show {shlex.quote(ids[0])}",
            runs=tuple(ids),
            count=count,
        )
