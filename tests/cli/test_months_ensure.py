"""``months ensure``: the tables that will be needed, made beforehand."""

from __future__ import annotations

import json
import time

import pytest

from tandem_store.month import Month
from tests.support.program import answer, command


def test_the_current_month_and_two_more_are_made(store_url: str) -> None:
    """So a deploy once in eight weeks is enough; the second one has nothing to do."""
    now = Month.of_ms(time.time_ns() // 1_000_000)

    first = answer("--db", store_url, "months", "ensure")
    second = answer("--db", store_url, "months", "ensure")

    labels = [now.later(n).label for n in range(3)]
    assert (first["made"], second["made"]) == (labels, [])
    listed = answer("--db", store_url, "months", "list")["items"]
    assert [(one["month"], one["state"], one["runs"]) for one in listed] == [
        (label, "attached", 0) for label in labels
    ]


def test_how_many_ahead_can_be_chosen(store_url: str) -> None:
    """None, or a year."""
    assert len(answer("--db", store_url, "months", "ensure", "--ahead", "0")["made"]) == 1
    assert len(answer("--db", store_url, "months", "ensure", "--ahead", "12")["made"]) == 12


def test_months_can_be_named(store_url: str) -> None:
    """Older ones, for an import as another user; only those that were missing are told."""
    answer("--db", store_url, "months", "ensure", "2019-12")

    done = command("--db", store_url, "months", "ensure", "2019-12", "2020-01")
    again = command("--db", store_url, "months", "ensure", "2020-01")

    assert (done.exit_code, done.stdout) == (0, "Created: 2020-01\n")
    assert (again.exit_code, again.stdout) == (0, "All of them existed already.\n")


@pytest.mark.parametrize("label", ["2020", "2020-13", "0000-01"])
def test_what_is_no_month_is_wrong_usage(store_url: str, label: str) -> None:
    """Nothing is made."""
    done = command("--db", store_url, "months", "ensure", "2020-01", label)

    assert done.exit_code == 2
    assert json.loads(command("--db", store_url, "months", "list", "--json").stdout)["items"] == []
