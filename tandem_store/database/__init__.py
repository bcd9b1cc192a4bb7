"""The database: URLs, engines, dialects, locks, partitions, revisions and transactions.

What a store's own database is told in PRAGMA, SET, BEGIN and COMMIT is told in this package alone.
There are two engines for one database, because code that reads must not be able to write: ``write``
takes SQLite's write lock when a transaction begins, ``read`` opens the same database read-only.
"""
