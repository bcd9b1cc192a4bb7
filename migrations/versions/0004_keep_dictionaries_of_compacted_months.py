"""Keep the dictionaries that the documents of compacted months are compressed with.

Such documents take about half the space. A downgrade writes them as they were before.

Revision: 0004, after 0003
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MONTH_TABLE = re.compile(r"run_documents_\d{4}_\d{2}")
#: How the documents are encoded that need a dictionary, and those that do not.
WITH_DICTIONARY, PLAIN = "zstd-dict", "zstd"
#: Documents in memory at a time.
BATCH = 50

DICTIONARIES = sa.table("dictionaries", sa.column("id"), sa.column("content"))


def upgrade() -> None:
    op.create_table(
        "dictionaries",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("encoding", CODE, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dictionaries"),
    )
    op.create_table(
        "month_dictionaries",
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("dictionary_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("month", "dictionary_id", name="pk_month_dictionaries"),
        sa.ForeignKeyConstraint(
            ["dictionary_id"],
            ["dictionaries.id"],
            name="fk_month_dictionaries_dictionary_id_dictionaries",
        ),
    )


def downgrade() -> None:
    bind = op.get_bind()
    rows = bind.execute(sa.select(DICTIONARIES)).all()
    dictionaries = {row.id: zstd.ZstdDict(zstd.decompress(row.content)) for row in rows}
    names = sa.inspect(bind).get_table_names()
    written = sum(
        write_plainly(bind, name, dictionaries) for name in names if MONTH_TABLE.fullmatch(name)
    )
    config = op.get_context().config
    if config is not None:
        config.print_stdout(
            "This forgets %s dictionaries; %s documents were written without them.",
            len(dictionaries),
            written,
        )
    op.drop_table("month_dictionaries")
    op.drop_table("dictionaries")


def write_plainly(bind: sa.Connection, name: str, dictionaries: dict[int, zstd.ZstdDict]) -> int:
    """Compress the documents of a month without a dictionary; return how many there were."""
    table = sa.table(name, sa.column("run_id"), sa.column("encoding"), sa.column("document"))
    written = 0
    for rows in batches(bind, table):
        for row in rows:
            document = bytes(row.document)
            dictionary = dictionaries[zstd.get_frame_info(document).dictionary_id]
            plain = zstd.compress(
                zstd.decompress(document, zstd_dict=dictionary),
                options={
                    zstd.CompressionParameter.compression_level: 3,
                    zstd.CompressionParameter.checksum_flag: 1,
                },
            )
            bind.execute(
                sa.update(table)
                .where(table.c.run_id == row.run_id)
                .values(encoding=PLAIN, document=plain)
            )
        written += len(rows)
    return written


def batches(bind: sa.Connection, table: sa.TableClause) -> Iterator[list[sa.Row]]:
    """Yield the rows that need a dictionary, some at a time."""
    needing = sa.select(table).where(table.c.encoding == WITH_DICTIONARY)
    needing = needing.order_by(table.c.run_id).limit(BATCH)
    rows = list(bind.execute(needing))
    while rows:
        yield rows
        rows = list(bind.execute(needing.where(table.c.run_id > rows[-1].run_id)))
