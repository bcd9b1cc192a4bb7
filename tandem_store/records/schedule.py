"""When an automation fires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tandem_store.records.base import U32, U64, Named, Record
from tandem_store.records.enums import ScheduleType


class MisfireSkip(Record):
    """Missed firings are skipped."""

    type: Literal["skip"] = "skip"


class MisfireRunOnce(Record):
    """One run makes up for all missed firings."""

    type: Literal["run_once"] = "run_once"


class MisfireCatchUp(Record):
    """One run makes up for each missed firing."""

    type: Literal["catch_up"] = "catch_up"
    #: The most firings that are made up for, 0 to 2**32 - 1.
    max_runs: U32


#: What happens to missed firings; ``type`` says which.
MisfirePolicy = Annotated[
    MisfireSkip | MisfireRunOnce | MisfireCatchUp, Field(discriminator="type")
]


class AutomationSchedule(Record):
    """When an automation fires; it is not checked whether it makes sense.

    A ``cron`` schedule without an expression is well-formed.
    """

    ENGINE_NAME = "AutomationV2Schedule"

    #: What makes it fire.
    type: Named[ScheduleType]
    #: The cron expression of a ``cron`` schedule.
    cron_expression: str | None = None
    #: Seconds between firings of an ``interval`` schedule.
    interval_seconds: U64 | None = None
    #: The IANA name of the time zone; any text is accepted.
    timezone: str
    #: What happens to missed firings.
    misfire_policy: MisfirePolicy
