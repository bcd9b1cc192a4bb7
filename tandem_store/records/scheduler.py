"""Why a run waits in the queue, and who works on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tandem_store.records.base import U32, U64, Named, Record, Written
from tandem_store.records.enums import QueueReason
from tandem_store.records.tenant import TenantContext, local_tenant


class SchedulerMetadata(Record):
    """The scheduler's view of a run."""

    #: The tenant in whose queue it waits.
    tenant_context: TenantContext = Field(default_factory=local_tenant)
    #: Why it waits; the only optional field that the engine writes as ``null``.
    queue_reason: Annotated[Named[QueueReason] | None, Written.ALWAYS] = None
    #: The resource that it waits for.
    resource_key: str | None = None
    #: The provider whose rate limit it hit.
    rate_limited_provider: str | None = None
    #: When it began to wait, in milliseconds UTC.
    queued_at_ms: U64 = 0
    #: The node that is tried again (this and the following: since engine 0.6.5).
    retry_node_id: str | None = None
    #: Why it is tried again.
    retry_reason: str | None = None
    #: The number of the next attempt, 0 to 2**32 - 1.
    retry_attempt: U32 | None = None
    #: Milliseconds to wait before the next attempt.
    retry_backoff_ms: U64 | None = None
    #: The earliest time of the next attempt, in milliseconds UTC.
    retry_after_ms: U64 | None = None


class ExecutionClaim(Record):
    """Who works on a run, and until when (since engine 0.6.5)."""

    #: The id of the claim.
    claim_id: str
    #: The id of the worker.
    claimant_id: str
    #: When it was claimed, in milliseconds UTC.
    claimed_at_ms: U64
    #: When the claim ends unless it is renewed, in milliseconds UTC.
    lease_expires_at_ms: U64
    #: Grows with every new claim.
    lease_epoch: U64
