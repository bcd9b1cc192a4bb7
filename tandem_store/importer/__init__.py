"""The import of a legacy state directory.

``plan_import`` says what there is, ``import_state`` brings it in, ``retry_quarantined`` looks again
at what could not be. The package is one story, in this order: ``plan`` walks the source, ``scan``
reads it through ``worker_pool`` (``parsing``, ``splitting``), ``storing`` writes runs and ledger,
``reconcile`` decides about runs with several copies, ``report`` accounts for every one.
"""

from typing import TYPE_CHECKING

from tandem_store.lazy import lazily

if TYPE_CHECKING:
    from tandem_store.importer.job import import_state
    from tandem_store.importer.options import ImportOptions
    from tandem_store.importer.plan import ImportPlan, plan_import
    from tandem_store.importer.report import ImportReport
    from tandem_store.importer.retry import Retried, RetryReport, retry_quarantined
    from tandem_store.importer.session import ManyMonthsError

__all__ = [
    "ImportOptions",
    "ImportPlan",
    "ImportReport",
    "ManyMonthsError",
    "Retried",
    "RetryReport",
    "import_state",
    "plan_import",
    "retry_quarantined",
]

if not TYPE_CHECKING:
    # Parser processes import a module of this package, and should not wait for SQLAlchemy.
    _modules = ("options", "report", "plan", "retry", "job", "session")
    __getattr__ = lazily(__name__, __all__, [f"{__name__}.{module}" for module in _modules])
