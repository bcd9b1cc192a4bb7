"""${message}

Rules of this folder; delete what does not apply, answer what does.

* A migration is frozen history. It imports alembic and sqlalchemy only and declares the tables it
  touches itself: code of today would mean something else to it tomorrow.
* Number it: `alembic revision --rev-id 0002 -m "..."`, and set `HEAD` in tandem_store/database/revisions.py.
* One purpose. The first line of this docstring says what users gain.
* It runs on SQLite and on PostgreSQL, in one transaction, with foreign keys off on SQLite; a broken
  reference undoes it.
* Months are tables of their own on SQLite, and so are detached months on PostgreSQL: what changes
  `run_documents` changes every table named `run_documents_YYYY_MM` as well. Find them with
  `sa.inspect(op.get_bind()).get_table_names()`.
* Views read the table `runs`. One that drops or renames what they name drops them first, and makes
  them again: see 0005.
* SQLite cannot add a check to a table that is there: see `change_table` in 0007.
* One that makes room and one that fills it are two revisions: what Alembic has noted as done is not
  done again. The second, a data revision, is written by the template in CONTRIBUTING.md.
* To commit within a revision, use `op.get_context().autocommit_block()`, and what was done before it
  must be passed over by the next attempt. On SQLite the file stays locked in the block, unless you
  roll back there what the block itself began: see `committed` in 0007.
* On PostgreSQL, a new column keeps readers out until the commit and a new index writers; commit
  between them if the table may be large: see 0006.
* `downgrade` undoes what `upgrade` did, data too: a later upgrade fills in all again. What it loses, it
  counts and prints first.
* A column that services still write is removed in two releases: stop using it, then drop it.

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
