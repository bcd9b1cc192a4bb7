"""A store for one tenant: what is another's is absent, to every method there is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import (
    ANY_DEPLOYMENT,
    Claim,
    ConflictError,
    InvalidCursorError,
    LeaseLostError,
    Month,
    NotFoundError,
    RunRecord,
    Store,
    StoreError,
    TenantScope,
    TenantScopeError,
    TenantStore,
    TenantTransaction,
    tables,
)
from tandem_store.runs import Runs
from tests.support.changes import unchanged
from tests.support.run_records import new_run

LEASE = timedelta(minutes=5)
MINE = TenantScope(org_id="acme", workspace_id="north")

#: Every tenant that a scope could be taken for.
TENANTS = {
    "mine": {"org_id": "acme", "workspace_id": "north"},
    "blue": {"org_id": "acme", "workspace_id": "north", "deployment_id": "blue"},
    "green": {"org_id": "acme", "workspace_id": "north", "deployment_id": "green"},
    "south": {"org_id": "acme", "workspace_id": "south"},
    "other": {"org_id": "globex", "workspace_id": "north"},
    "swapped": {"org_id": "north", "workspace_id": "acme"},
    "local": {"org_id": "local", "workspace_id": "local"},
}


def run_of(tenant: str, run_id: str | None = None, **fields: Any) -> RunRecord:
    """A queued run of a tenant, named after it unless told otherwise."""
    given = {"status": "queued", "tenant_context": TENANTS[tenant] | {"source": "explicit"}}
    return new_run(run_id or tenant, **(given | fields))


@pytest.fixture
def shared(store: Store) -> Store:
    """A store with one run of every tenant."""
    with store.begin() as tx:
        tx.runs.add_many(map(run_of, TENANTS))
    return store


@pytest.fixture
def mine(shared: Store) -> TenantStore:
    """The same as its tenant sees it."""
    return shared.for_tenant(MINE)


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (None, {"mine"}),
        ("blue", {"blue"}),
        ("red", set()),
        (ANY_DEPLOYMENT, {"mine", "blue", "green"}),
    ],
)
def test_a_scope_shows_its_tenant_alone(shared: Store, deployment: Any, expected: set[str]) -> None:
    """Without a deployment: runs without one; all deployments only if that is said."""
    scope = TenantScope(org_id="acme", workspace_id="north", deployment_id=deployment)

    with shared.for_tenant(scope).read() as tx:
        assert {run.run_id for run in tx.runs.list().items} == expected
        assert tx.runs.count() == len(expected)
        assert {run.run_id for run in tx.runs.iterate()} == expected
        assert {stored.run_id for stored in tx.runs.documents_by_id()} == expected
        assert sum(entry.runs for entry in tx.runs.stats()) == len(expected)
        for tenant in TENANTS:
            assert tx.runs.exists(tenant) == (tenant in expected)
            assert (tx.runs.get(tenant) is not None) == (tenant in expected)
            assert (tx.runs.get_versioned(tenant) is not None) == (tenant in expected)


FOREIGN_CLAIM = Claim(run_id="other", worker="theirs", epoch=1, expires_at_ms=2**53)

#: The month of the runs here.
MAY = Month.parse("2026-05")

#: What every method of a tenant's ``tx.runs`` does with the id of another tenant's run.
WALK: dict[str, Callable[[Runs], Any]] = {
    "get": lambda runs: runs.get("other") is None,
    "get_versioned": lambda runs: runs.get_versioned("other") is None,
    "document": lambda runs: runs.document("other") is None,
    "documents": lambda runs: [one.run_id for one in runs.documents(["other", "mine"])] == ["mine"],
    "summary": lambda runs: runs.summary("other") is None,
    "exists": lambda runs: not runs.exists("other"),
    "last_completed_before": lambda runs: (
        runs.last_completed_before("mine") is None
        and refusal(NotFoundError, runs.last_completed_before, "other")
    ),
    "detached": lambda runs: runs.detached() == (),
    "list": lambda runs: [run.run_id for run in runs.list().items] == ["mine"],
    "count": lambda runs: runs.count() == 1,
    "iterate": lambda runs: [run.run_id for run in runs.iterate()] == ["mine"],
    "iterate_documents": lambda runs: [one.run_id for one in runs.iterate_documents()] == ["mine"],
    "month_documents": lambda runs: [one.run_id for one in runs.month_documents(MAY)] == ["mine"],
    "documents_by_id": lambda runs: [one.run_id for one in runs.documents_by_id()] == ["mine"],
    "find_ids": lambda runs: (
        [runs.find_ids(one, limit=9) for one in ("other", "mine")] == [(), ("mine",)]
    ),
    "damaged": lambda runs: damaged_ids(runs) == ["mine"],
    "automations": lambda runs: (
        [(one.last_run.run_id, one.queued) for one in runs.automations()] == [("mine", 1)]
    ),
    "automation": lambda runs: (
        [runs.automation("auto-1")] == list(runs.automations()) and not runs.automation("theirs")
    ),
    "automation_ids": lambda runs: runs.automation_ids() == ("auto-1",),
    "health": lambda runs: runs.health("theirs").sample_size == 0,
    "approvals": lambda runs: runs.approvals().items == (),
    "claims": lambda runs: not list(runs.claims()),
    # The other tenant's run is held, until a time that would be found.
    "next_due": lambda runs: runs.next_due() is None,
    "stats": lambda runs: [entry.runs for entry in runs.stats()] == [1],
    "add": lambda runs: refusal(ConflictError, runs.add, run_of("mine", run_id="other")),
    "add_many": lambda runs: refusal(
        ConflictError, runs.add_many, [run_of("mine", run_id="new"), run_of("mine", run_id="other")]
    ),
    "save": lambda runs: refusal(
        NotFoundError, runs.save, run_of("mine", run_id="other"), force=True
    ),
    "update": lambda runs: refusal(NotFoundError, runs.update, "other", unchanged),
    "delete": lambda runs: refusal(NotFoundError, runs.delete, "other"),
    "claim_next": lambda runs: (
        (runs.claim_next("w", LEASE) or FOREIGN_CLAIM).run_id == "mine"
        and runs.claim_next("w", LEASE) is None
    ),
    "renew": lambda runs: refusal(LeaseLostError, runs.renew, FOREIGN_CLAIM, LEASE),
    "release": lambda runs: refusal(LeaseLostError, runs.release, FOREIGN_CLAIM),
    "finish": lambda runs: refusal(LeaseLostError, runs.finish, FOREIGN_CLAIM, unchanged),
}


def damaged_ids(runs: Runs) -> list[str]:
    """Which runs are told to be damaged if all of them are; nothing stays so."""
    with runs._context.connection.begin_nested() as savepoint:
        runs._context.connection.execute(update(tables.runs).values(detail="altered"))
        found = [one.run_id for one in runs.damaged()]
        savepoint.rollback()
    return found


def refusal(kind: type[StoreError], call: Callable[..., Any], *args: Any, **named: Any) -> bool:
    """Whether the call is refused with this kind of error, and without a word of the owner.

    Neither in the error nor in those that led to it, which a log prints as well. These name the
    columns of the caller's own statement, so of the revision only ours must not speak.
    """
    with pytest.raises(kind) as refused:
        call(*args, **named)
    told = [f"{error} {vars(error)}" for error in chain_of(refused.value)]
    assert [one for one in told if "globex" in one] == []
    assert "revision" not in str(refused.value)
    assert getattr(refused.value, "found", None) is None
    assert getattr(refused.value, "expected", None) is None
    return True


def chain_of(error: BaseException) -> list[BaseException]:
    """The error and, by whatever way, all that led to it."""
    chain, ahead = [], [error]
    while ahead:
        chain.append(one := ahead.pop())
        ahead += [led for led in (one.__cause__, one.__context__) if led and led not in chain]
    return chain


def public(kind: type) -> set[str]:
    """The public methods and properties of a class, inherited ones too."""
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_every_method_is_walked() -> None:
    """A method that is added must say here what it does with another tenant's run."""
    assert set(WALK) == public(Runs)
    assert public(TenantStore) == {"begin", "read"}
    assert public(TenantTransaction) == {"runs", "scope"}


@pytest.fixture
def claimed(shared: Store) -> Iterator[Store]:
    """A store whose other tenant's run is held by the worker that ``FOREIGN_CLAIM`` names."""
    with shared.begin() as tx:
        tx.connection.execute(
            update(tables.runs)
            .where(tables.runs.c.run_id == "other")
            .values(claimed_by="theirs", claim_epoch=1, claim_expires_at_ms=2**53)
        )
        before = tx.runs.get_versioned("other"), list(tx.runs.claims())
    yield shared
    with shared.read() as tx:
        after = tx.runs.get_versioned("other"), list(tx.runs.claims())
    assert after[0] == before[0]
    assert [claim for claim in after[1] if claim.run_id == "other"] == before[1]


@pytest.mark.parametrize("method", sorted(WALK))
def test_a_foreign_run_is_absent(claimed: Store, method: str) -> None:
    """It is neither seen nor changed, and no refusal tells that it is there."""
    with claimed.for_tenant(MINE).begin() as tx:
        assert WALK[method](tx.runs)


@pytest.mark.parametrize("method", ["save", "update", "delete", "renew", "release", "finish"])
def test_a_foreign_id_and_one_that_nobody_has_get_the_same_words(
    claimed: Store, method: str
) -> None:
    """Otherwise ids could be tried out."""

    def told(run_id: str) -> str:
        claim = Claim(run_id=run_id, worker="theirs", epoch=1, expires_at_ms=2**53)
        calls: dict[str, Callable[[Runs], Any]] = {
            "save": lambda runs: runs.save(run_of("mine", run_id=run_id), expected_revision=1),
            "update": lambda runs: runs.update(run_id, unchanged),
            "delete": lambda runs: runs.delete(run_id),
            "renew": lambda runs: runs.renew(claim, LEASE),
            "release": lambda runs: runs.release(claim),
            "finish": lambda runs: runs.finish(claim, unchanged),
        }
        with pytest.raises(StoreError) as refused, claimed.for_tenant(MINE).begin() as tx:
            calls[method](tx.runs)
        return str(refused.value).replace(repr(run_id), "ID")

    assert told("other") == told("nobody")


def test_a_taken_id_of_ones_own_tells_its_revision(mine: TenantStore) -> None:
    """There is nothing to hide."""
    with mine.begin() as tx, pytest.raises(ConflictError, match="already") as refused:
        tx.runs.add(run_of("mine"))

    assert refused.value.found == 1


@pytest.mark.parametrize("tenant", sorted(set(TENANTS) - {"mine"}))
def test_nothing_is_written_for_another_tenant(mine: TenantStore, tenant: str) -> None:
    """Neither added nor given away by a change; deployments are tenants of their own."""
    foreign = run_of(tenant)
    moved = run_of("mine", tenant_context=foreign.to_legacy()["tenant_context"])

    for call in (
        lambda runs: runs.add(run_of(tenant, run_id="new")),
        lambda runs: runs.add_many([run_of("mine", run_id="a"), run_of(tenant, run_id="b")]),
        lambda runs: runs.save(moved, expected_revision=1),
        lambda runs: runs.save(moved, force=True),
        lambda runs: runs.update("mine", lambda _: moved),
    ):
        with mine.begin() as tx, pytest.raises(TenantScopeError, match="tenant_context"):
            call(tx.runs)

    with mine.read() as tx:
        assert [run.run_id for run in tx.runs.list().items] == ["mine"]


def test_within_a_workspace_a_run_may_change_its_deployment(shared: Store) -> None:
    """If the scope is all deployments."""
    scope = TenantScope(org_id="acme", workspace_id="north", deployment_id=ANY_DEPLOYMENT)
    with shared.for_tenant(scope).begin() as tx:
        moved = run_of("mine", tenant_context=TENANTS["blue"])
        assert tx.runs.save(moved, expected_revision=1) == 2

    with shared.for_tenant(MINE).read() as tx:
        assert tx.runs.count() == 0


def test_a_cursor_is_of_no_use_to_another_tenant(shared: Store) -> None:
    """Nor to the store as a whole."""
    scope = TenantScope(org_id="acme", workspace_id="north", deployment_id=ANY_DEPLOYMENT)
    with shared.for_tenant(scope).read() as tx:
        cursor = tx.runs.list(limit=1).next_cursor
        assert tx.runs.list(cursor=cursor).items
    assert cursor is not None

    for other in (shared, shared.for_tenant(MINE)):
        with other.read() as reading, pytest.raises(InvalidCursorError, match="tenant"):
            reading.runs.list(cursor=cursor)


@pytest.mark.parametrize("scope", [None, "", "acme", {}, ("acme", "north"), ANY_DEPLOYMENT])
def test_a_store_for_no_tenant_is_an_error(store: Store, scope: Any) -> None:
    """Forgetting the scope never means all tenants."""
    with pytest.raises(TenantScopeError, match="TenantScope"):
        store.for_tenant(scope)


def test_a_tenants_reader_cannot_write(mine: TenantStore) -> None:
    """As a store's."""
    with mine.read() as tx:
        assert not hasattr(tx.runs, "add")


class AnyCase(str):
    """An id that thinks itself equal in whatever case."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __hash__(self) -> int:
        return hash(self.lower())


class Org(str, Enum):  # noqa: UP042 - the kind whose str() is its name
    """Organisations as a service may list them."""

    ACME = "acme"


def test_an_id_is_its_text_whatever_its_type_thinks(store: Store) -> None:
    """A subclass of str decides neither who is who nor which statement is used again."""
    loud = TenantScope(org_id=AnyCase("ACME"), workspace_id="north")
    quiet = TenantScope(org_id=AnyCase("acme"), workspace_id="north")
    listed = TenantScope(org_id=Org.ACME, workspace_id="north")
    tenant = {"org_id": "ACME", "workspace_id": "north"}
    with store.begin() as tx:
        tx.runs.add_many([new_run("LOUD", tenant_context=tenant), run_of("mine")])

    for scope, seen, other in (
        (loud, "LOUD", "mine"),
        (quiet, "mine", "LOUD"),
        (listed, "mine", "LOUD"),
    ):
        with store.for_tenant(scope).begin() as tx:
            assert tx.runs.exists(seen)
            assert tx.runs.get(seen) is not None
            assert tx.runs.get(other) is None
            assert [run.run_id for run in tx.runs.list().items] == [seen]
    with store.for_tenant(quiet).begin() as tx, pytest.raises(TenantScopeError):
        tx.runs.add(new_run("new", tenant_context=tenant))
