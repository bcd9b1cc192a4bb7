"""Every lock between processes, with its file on SQLite and its key on PostgreSQL.

=============  =====================  ================================  ==========================
lock           SQLite                 PostgreSQL (advisory)             held
=============  =====================  ================================  ==========================
bulk load      ``FILE.import.lock``   ``advisory.import_key(schema)``   by an import or a copy
months         ``FILE.compact.lock``  ``advisory.months_key(schema)``   while a job works on months
upgrade        ``FILE.lock``          ``advisory.UPGRADE``              by Alembic
making months  the write lock         ``advisory.MONTHS``               until the commit
commit         ``FILE.commit.lock``   none                              during COMMIT, old libraries
=============  =====================  ================================  ==========================

The names and keys never change: processes of different versions must exclude each other. Lock files
are empty and are left behind; whoever may write to the folder may lock them.

``jobs`` has the first three, ``advisory`` the fourth, ``commit_lock`` the last. Threads of one
process that write to one SQLite file queue up in ``database.write_queue``.
"""
