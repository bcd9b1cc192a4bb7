"""A pytest plugin for ``make mutation``.

mutmut runs the tests once and notes which of them call a function, then runs those again with the
function changed. A statement that comes from a cache hides that a test depends on the function that
built it.
"""

from __future__ import annotations

from tandem_store.runs import claims


def pytest_runtest_setup() -> None:
    """Forget the statements that were built before."""
    claims._claiming.cache_clear()
