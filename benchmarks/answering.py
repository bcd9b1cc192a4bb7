"""A program whose calls are measured in slices, in turns with other programs.

It gets one JSON object a line on standard input, and answers each with one. The first one is what
to prepare; every other one names a call, and how often to make it. Only the standard library: it
runs in the environment of the peers, too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

#: Makes something to measure of what the first line says; returns its calls by name.
Prepare = Callable[[dict[str, Any]], Mapping[str, Callable[[], Any]]]


def answer(prepare: Prepare) -> None:
    """Answer until standard input ends."""
    calls = prepare(json.loads(sys.stdin.readline()))
    _print({"calls": list(calls)})
    for line in sys.stdin:
        request = json.loads(line)
        _print(_made(calls[request["call"]], request["times"]))


def _made(call: Callable[[], Any], times: int) -> dict[str, Any]:
    """Make one call so many times; returns seconds of each, mean CPU time, last result."""
    seconds, result = [], None
    cpu = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - began)
    return {
        "seconds": seconds,
        "cpu": (time.process_time() - cpu) / max(times, 1),
        "result": result,
    }


def _print(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)
