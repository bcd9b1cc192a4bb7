"""The database: addresses, engines, dialects, locks, partitions, revisions and transactions.

The only package that speaks PRAGMA, SET and BEGIN, and the only one that commits. Two engines for
one database, because reading code must not be able to write: ``write`` takes the write lock as a
transaction begins, ``read`` opens the same database read-only.
"""
