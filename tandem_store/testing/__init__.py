"""A pytest plugin for services that use a store: a migrated one for each test, and sample runs.

Switch it on in the ``conftest.py`` at the root of your tests::

    pytest_plugins = ["tandem_store.testing"]

Then tests may ask for ``run_store``, ``run_store_url`` and ``sample_runs``. ``sample_run`` makes
one run with the fields that matter to a test; ``tandem_store.testing.strategies`` draws any run,
for property-based tests with Hypothesis. Install both tools with ``tandem-store[testing]``.

A store is a copy of a file that is migrated once in a session, so a test gets it within
milliseconds. To test against PostgreSQL, override ``run_store_url`` in your ``conftest.py`` with
the URL of an empty database that you passed to ``tandem_store.upgrade``.
"""

from tandem_store.testing.fixtures import migrated_store, run_store, run_store_url, sample_runs
from tandem_store.testing.samples import sample_run

__all__ = ["migrated_store", "run_store", "run_store_url", "sample_run", "sample_runs"]
