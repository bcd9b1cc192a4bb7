"""The FastAPI example answers requests as its docstrings say."""

from __future__ import annotations

import runpy
from collections.abc import Iterator

import pytest

from tandem_store import open_store
from tandem_store.records import TenantContext
from tandem_store.testing import sample_run
from tests.support import REPOSITORY

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

ACME = {"X-Org": "acme", "X-Workspace": "north"}


@pytest.fixture
def client(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The example over a store with three runs of one tenant and one of another."""
    tenant = TenantContext(org_id="acme", workspace_id="north")
    with open_store(store_url) as store, store.begin() as tx:
        for number, status in enumerate(["completed", "failed", "queued"], start=1):
            run = sample_run(f"run-{number}", status=status, tenant_context=tenant)
            tx.runs.add(run.changed(created_at_ms=run.created_at_ms + number))
        tx.runs.add(sample_run("secret"))
    monkeypatch.setenv("TANDEM_STORE_URL", store_url)
    app = runpy.run_path(str(REPOSITORY / "examples" / "fastapi" / "app.py"))["app"]
    with TestClient(app) as opened:
        yield opened


def test_runs_are_listed_page_by_page(client: TestClient) -> None:
    """The tenant's alone, newest created first."""
    first = client.get("/runs", params={"limit": 2}, headers=ACME).json()
    rest = client.get("/runs", params={"cursor": first["next_cursor"]}, headers=ACME).json()

    assert [run["run_id"] for run in first["items"]] == ["run-3", "run-2"]
    assert [run["run_id"] for run in rest["items"]] == ["run-1"]
    assert rest["next_cursor"] is None


def test_runs_are_filtered(client: TestClient) -> None:
    """By several statuses at once."""
    answer = client.get("/runs", params={"status": ["failed", "queued"]}, headers=ACME)

    assert [run["run_id"] for run in answer.json()["items"]] == ["run-3", "run-2"]


def test_one_run_is_shown_as_the_engine_writes_it(client: TestClient) -> None:
    """With its checkpoint."""
    run = client.get("/runs/run-2", headers=ACME).json()

    assert run["status"] == "failed"
    assert run["checkpoint"]["pending_nodes"] == ["draft", "review", "publish"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/runs/secret", 404), ("/runs/nobody", 404), ("/runs?cursor=x", 400), ("/runs?limit=0", 422)],
)
def test_a_question_without_an_answer_is_explained(
    client: TestClient, path: str, code: int
) -> None:
    """Another tenant's run is not there at all."""
    answer = client.get(path, headers=ACME)

    assert answer.status_code == code
    assert answer.json()["detail"]


def test_a_run_is_cancelled_once(client: TestClient) -> None:
    """The change is stored when the answer arrives."""
    cancelled = client.post("/runs/run-3/cancel", headers=ACME).json()

    assert cancelled == {"status": "cancelled", "revision": 2}
    assert client.get("/runs/run-3", headers=ACME).json()["status"] == "cancelled"
    assert client.post("/runs/run-1/cancel", headers=ACME).json()["status"] == "completed"
    assert client.post("/runs/secret/cancel", headers=ACME).status_code == 404


def test_a_blank_tenant_is_refused(client: TestClient) -> None:
    """There is no way to ask for every tenant's runs."""
    answer = client.get("/runs", headers={"X-Org": " ", "X-Workspace": "north"})

    assert answer.status_code == 400
