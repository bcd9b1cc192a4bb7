"""How a database is opened: the only package that speaks PRAGMA, SET and BEGIN.

Two engines for one database, because reading code shall not be able to write: ``write`` takes the
write lock as a transaction begins, ``read`` opens the same database read-only.
"""

from tandem_store.address import DEFAULT_SCHEMA as DEFAULT_SCHEMA
from tandem_store.address import are_same as are_same
from tandem_store.address import database_url as database_url
from tandem_store.address import is_absent as is_absent
from tandem_store.address import schema_of as schema_of
from tandem_store.address import shown as shown
from tandem_store.address import sqlite_path as sqlite_path
from tandem_store.engine.checkpoints import note_library as note_library
from tandem_store.engine.files import APPLICATION_ID as APPLICATION_ID
from tandem_store.engine.files import fold_in as fold_in
from tandem_store.engine.files import log_size as log_size
from tandem_store.engine.files import made_whole as made_whole
from tandem_store.engine.health import has_wal_reset_bug as has_wal_reset_bug
from tandem_store.engine.opening import Engines as Engines
from tandem_store.engine.opening import create_engines as create_engines
from tandem_store.engine.opening import filling_alone as filling_alone
from tandem_store.engine.portable import copy_pages as copy_pages
from tandem_store.engine.portable import integrity as integrity
from tandem_store.engine.portable import make_portable as make_portable
from tandem_store.engine.portable import make_usable as make_usable
from tandem_store.engine.portable import page_bytes as page_bytes
from tandem_store.engine.spelling import broken_references as broken_references
from tandem_store.engine.spelling import insert_unless_there as insert_unless_there
from tandem_store.engine.spelling import now_ms as now_ms
from tandem_store.engine.spelling import number_on as number_on
from tandem_store.failures import in_words as in_words
from tandem_store.failures import translate as translate
from tandem_store.locking import exclusive as exclusive
from tandem_store.locking import noted as noted
