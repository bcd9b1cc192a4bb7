"""What a transaction and the package offer, and what they do not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import tandem_store
from tandem_store import (
    AutomationRunCheckpoint,
    ConflictError,
    NotFoundError,
    RunRecord,
    RunStatus,
    Store,
    TenantScope,
)
from tests.support.run_records import new_run

ACME = TenantScope(org_id="acme", workspace_id="north")

WRITING = [
    ("runs", "add"),
    ("runs", "claim_next"),
    ("automations", "put"),
    ("quarantine", "add"),
    ("quarantine", "discard"),
    ("months", "ensure"),
    ("ledger", "begin"),
]


class TestReading:
    @pytest.mark.parametrize(("part", "method"), WRITING)
    def test_a_writing_method_is_not_there(self, store: Store, part: str, method: str) -> None:
        """The message says how to begin a transaction that has it."""
        with store.begin() as tx:
            assert hasattr(getattr(tx, part), method)
        with store.read() as tx:
            with pytest.raises(AttributeError, match=rf"{method}'; .* store\.begin\(\)"):
                getattr(getattr(tx, part), method)

    @pytest.mark.parametrize("part", sorted({part for part, _ in WRITING}))
    def test_a_mistyped_name_on_a_writing_transaction_has_no_hint(
        self, store: Store, part: str
    ) -> None:
        """It writes already."""
        with store.begin() as tx, pytest.raises(AttributeError) as caught:
            getattr(tx, part).nothing()

        assert "store.begin()" not in str(caught.value)


class TestNotThere:
    @pytest.mark.parametrize(
        ("part", "key"),
        [("runs", "nobody"), ("automations", "nobody"), ("quarantine", 7), ("ledger", 7)],
    )
    def test_get_returns_none(self, store: Store, part: str, key: Any) -> None:
        """Whatever it is asked for."""
        with store.read() as tx:
            assert getattr(tx, part).get(key) is None

    @pytest.mark.parametrize("part", ["quarantine", "ledger"])
    def test_require_raises(self, store: Store, part: str) -> None:
        """For callers that cannot go on without it; the sentence has the number."""
        with store.read() as tx, pytest.raises(NotFoundError, match="7"):
            getattr(tx, part).require(7)


class TestTenants:
    def test_a_tenants_transaction_leads_to_its_runs_alone(self, store: Store) -> None:
        """No connection, no models, nothing that would show another tenant's."""
        for transaction in (store.for_tenant(ACME).read(), store.for_tenant(ACME).begin()):
            with transaction as tx:
                offered = {name for name in dir(tx) if not name.startswith("_")}
                assert offered == {"runs", "scope"}
                assert not hasattr(tx.runs, "connection")


def orders(schema: str | None) -> Any:
    """A service's own model, in its own schema."""

    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        __table_args__ = {"schema": schema}  # noqa: RUF012 - as SQLAlchemy has it

        order_id: Mapped[int] = mapped_column(primary_key=True)
        run_id: Mapped[str]

    return Order


@pytest.fixture
def order(store: Store) -> Any:
    """The service's model; its table is made."""
    with store.begin() as tx:
        made = orders("public" if tx.connection.dialect.name == "postgresql" else None)
        made.metadata.create_all(tx.connection)
    return made


def joined(tx: Any) -> Session:
    """As the docstring of ``Transaction`` has it."""
    return Session(bind=tx.connection, join_transaction_mode="create_savepoint")


class TestModelsOfAService:
    def test_they_are_stored_with_the_run(self, store: Store, order: Any) -> None:
        """When the store's block ends, and not before."""
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
            with joined(tx) as session:
                session.add(order(order_id=1, run_id="r"))
                session.commit()
            with store.read() as reading:
                assert not reading.runs.exists("r")

        with store.read() as tx, Session(bind=tx.connection) as session:
            assert tx.runs.exists("r")
            assert session.scalars(select(order.run_id)).all() == ["r"]

    def test_they_are_undone_with_the_run(self, store: Store, order: Any) -> None:
        """Although the session has committed."""
        with pytest.raises(ConflictError), store.begin() as tx:
            tx.runs.add(new_run("r"))
            with joined(tx) as session:
                session.add(order(order_id=1, run_id="r"))
                session.commit()
            tx.runs.add(new_run("r"))

        with store.read() as tx, Session(bind=tx.connection) as session:
            assert not tx.runs.exists("r")
            assert session.scalars(select(order.run_id)).all() == []

    def test_a_session_can_be_undone_without_the_run(self, store: Store, order: Any) -> None:
        """It has a savepoint of its own."""
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
            with joined(tx) as session:
                session.add(order(order_id=1, run_id="r"))
                session.flush()
                session.rollback()

        with store.read() as tx, Session(bind=tx.connection) as session:
            assert tx.runs.exists("r")
            assert session.scalars(select(order.run_id)).all() == []


class TestTheRoot:
    def test_importing_it_loads_nothing_that_a_service_does_without(self) -> None:
        """A name that is imported later is there when it is used, and only then."""
        code = (
            "import sys\n"
            "before = set(sys.modules)\n"  # what measures coverage, for example
            "import tandem_store\n"
            "late = ['tandem_store.importer', 'tandem_store.backup', 'tandem_store.copying',\n"
            "        'tandem_store.verify', 'tandem_store.differences', 'jsonpatch',\n"
            "        'alembic', 'multiprocessing', 'click', 'rich']\n"
            "print([name for name in late if name in sys.modules and name not in before])\n"
            "from tandem_store import verify_state\n"
            "print([name for name in late[:4] if name in sys.modules])"
        )

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

        assert done.stderr == ""
        early, late = done.stdout.splitlines()
        assert early == "[]"
        assert "tandem_store.verify" in late

    def test_every_name_is_there(self) -> None:
        """In the order in which people look for them, and in ``dir``."""
        assert tandem_store.__all__ == sorted(
            tandem_store.__all__, key=lambda name: (not name.isupper(), name)
        )
        for name in tandem_store.__all__:
            assert getattr(tandem_store, name) is not None
            assert name in dir(tandem_store)
        with pytest.raises(AttributeError, match="no attribute 'open_stor'"):
            tandem_store.open_stor  # noqa: B018

    def test_the_first_run_of_a_newcomer(self, store: Store) -> None:
        """Short, or with every field; both need only names of the root."""
        short = RunRecord.new("short", "nightly", trigger_type="schedule")
        complete = RunRecord(
            run_id="complete",
            automation_id="nightly",
            trigger_type="manual",
            status=RunStatus.QUEUED,
            created_at_ms=1_780_000_000_000,
            updated_at_ms=1_780_000_000_000,
            checkpoint=AutomationRunCheckpoint(pending_nodes=["draft"]),
        )
        with store.begin() as tx:
            tx.runs.add_many([short, complete])
            assert tx.runs.get("short") == short

        assert (short.status, short.trigger_type) == (RunStatus.QUEUED, "schedule")
        with pytest.raises(TypeError, match="no field 'detial'"):
            RunRecord.new("r", "nightly", detial="?")  # type: ignore[call-arg]
