"""The database: URLs, engines, dialects, locks, partitions, revisions and transactions.

No other package sends a store's database PRAGMA, SET, BEGIN or COMMIT.
There are two engines for one database, because code that reads must not be able to write: ``write``
takes SQLite's write lock when a transaction begins, ``read`` opens the same database read-only.
"""
