"""A small web API over a store: list runs, show one, cancel one.

Run it with: TANDEM_STORE_URL=runs.db fastapi run examples/fastapi/app.py

The handlers are plain functions, which FastAPI runs in a pool of threads. A transaction may end in
another thread than it began in, so it works as a dependency. Each tenant sees only its own runs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from tandem_store import (
    ConflictError,
    InvalidCursorError,
    InvalidFilterError,
    NotFoundError,
    RunFilter,
    RunRecord,
    StoreError,
    StoreLockedError,
    TenantReadTransaction,
    TenantScope,
    TenantScopeError,
    TenantStore,
    TenantTransaction,
    open_store,
)

#: The HTTP status of each error that a caller can do something about.
STATUS_CODES: dict[type[StoreError], int] = {
    InvalidCursorError: 400,
    InvalidFilterError: 400,
    TenantScopeError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    StoreLockedError: 503,
}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the store once for all requests, and close it with the server."""
    with open_store(os.environ.get("TANDEM_STORE_URL", "tandem_store.db")) as store:
        app.state.store = store
        yield


app = FastAPI(title="Runs", lifespan=lifespan)


@app.exception_handler(StoreError)
def explain(_: Request, error: StoreError) -> JSONResponse:
    """Answer with the error's sentence, which is written for people."""
    codes = [code for kind, code in STATUS_CODES.items() if isinstance(error, kind)]
    return JSONResponse({"detail": str(error)}, status_code=codes[0] if codes else 500)


def tenant_store(
    request: Request, x_org: Annotated[str, Header()], x_workspace: Annotated[str, Header()]
) -> TenantStore:
    """Return the store as the caller's tenant sees it. A real service asks its own login."""
    scope = TenantScope(org_id=x_org, workspace_id=x_workspace)
    tenants: TenantStore = request.app.state.store.for_tenant(scope)
    return tenants


def reading(
    store: Annotated[TenantStore, Depends(tenant_store)],
) -> Iterator[TenantReadTransaction]:
    """Give a handler a transaction that cannot write."""
    with store.read() as tx:
        yield tx


def writing(store: Annotated[TenantStore, Depends(tenant_store)]) -> Iterator[TenantTransaction]:
    """Give a handler a transaction that commits unless it fails."""
    with store.begin() as tx:
        yield tx


Reading = Annotated[TenantReadTransaction, Depends(reading)]
# Committed before the answer is sent: "function" ends the dependency when the handler returns.
Writing = Annotated[TenantTransaction, Depends(writing, scope="function")]


@app.get("/runs")
def list_runs(
    tx: Reading,
    status: Annotated[list[str] | None, Query()] = None,
    automation_id: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> dict[str, Any]:
    """List the runs, newest created first; ``next_cursor`` asks for the page that follows."""
    wanted = RunFilter(automation_id=automation_id, status=set(status) if status else None)
    page = tx.runs.list(wanted, limit=limit, cursor=cursor)
    items = [
        {"run_id": run.run_id, "status": run.status, "created_at_ms": run.created_at_ms}
        for run in page.items
    ]
    return {"items": items, "next_cursor": page.next_cursor}


@app.get("/runs/{run_id}")
def show_run(tx: Reading, run_id: str) -> dict[str, Any]:
    """Show one run as the engine would write it."""
    run = tx.runs.get(run_id)
    if run is None:
        raise HTTPException(404, f"There is no run {run_id!r}.")
    return run.to_legacy()


@app.post("/runs/{run_id}/cancel")
def cancel_run(tx: Writing, run_id: str) -> dict[str, Any]:
    """Cancel a run; one that has ended stays as it is."""

    def cancelled(run: RunRecord) -> RunRecord:
        return run if run.is_terminal else run.changed(status="cancelled")

    written = tx.runs.update(run_id, cancelled)
    return {"status": written.run.status, "revision": written.revision}
