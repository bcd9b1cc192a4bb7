"""When an automation fires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tandem_store.records.base import U32, U64, Named, Record
from tandem_store.records.enums import ScheduleType


class MisfireSkip(Record):
    """Missed firings are forgotten."""

    type: Literal["skip"] = "skip"


class MisfireRunOnce(Record):
    """Missed firings are made up for by one run."""

    type: Literal["run_once"] = "run_once"


class MisfireCatchUp(Record):
    """Missed firings are made up for one by one."""

    type: Literal["catch_up"] = "catch_up"
    #: The most runs that are made up for, 0 to 2**32 - 1.
    max_runs: U32


#: What happens to firings that were missed; the variant is named by ``type``.
MisfirePolicy = Annotated[
    MisfireSkip | MisfireRunOnce | MisfireCatchUp, Field(discriminator="type")
]


class AutomationSchedule(Record):
    """When an automation fires; not checked for sense.

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
    #: What happens to firings that were missed.
    misfire_policy: MisfirePolicy
