"""What every parser process needs, loaded and built once: they are forked from one that has this.

Nobody else imports it. See ``worker_pool.prepare``.
"""

from __future__ import annotations

from tandem_store.importer import worker_pool
from tandem_store.records.checking import is_run

__all__ = ["worker_pool"]

# The first question builds the validator, which takes as long as all the imports together.
is_run(None)
