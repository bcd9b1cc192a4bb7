"""Every lock between processes, with its file on SQLite and its key on PostgreSQL.

=============  ====================  ===============================  ==========================
lock           SQLite                PostgreSQL (advisory)            held
=============  ====================  ===============================  ==========================
bulk load      ``FILE.import.lock``  ``advisory.import_key(schema)``  by an import or a copy
upgrade        ``FILE.lock``         ``advisory.UPGRADE``             by Alembic
making months  the write lock        ``advisory.MONTHS``              until the commit
commit         ``FILE.commit.lock``  none                             during COMMIT, old libraries
=============  ====================  ===============================  ==========================

The names and keys never change: processes of different versions must exclude each other. Lock files
are empty and are left behind; whoever may write to the folder may lock them.

``jobs`` has the first two, ``advisory`` the third, ``commit_lock`` the fourth. Threads of one
process that write to one SQLite file queue up in ``database.write_queue``.
"""
