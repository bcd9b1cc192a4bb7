"""A pytest plugin for ``make mutation``.

mutmut runs the tests once, then again in forked processes in which one function was changed. What
the changed function would have made must not come from a cache that the first run has filled.
"""

from __future__ import annotations

from tandem_store.runs import claims


def pytest_sessionstart() -> None:
    """Forget the statements that were built before."""
    claims._claiming.cache_clear()
