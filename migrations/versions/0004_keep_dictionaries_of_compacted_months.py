"""Keep the dictionaries that documents are compressed with.

From here on, documents of runs are compressed with a dictionary that is part of the package, and
those of compacted months with one that is stored. Such documents take two thirds, or less than
half, of the space. A downgrade writes them as they were before.

Revision: 0004, after 0003
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode
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
#: How the documents are encoded that need a dictionary, the package's or a stored one, and those
#: that do not.
PACKAGED, WITH_DICTIONARY, PLAIN = "zstd-1", "zstd-dict", "zstd"
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
    packaged = zstd.ZstdDict(b64decode(PACKAGED_DICTIONARY))
    dictionaries[packaged.dict_id] = packaged
    names = sa.inspect(bind).get_table_names()
    written = sum(
        write_plainly(bind, name, dictionaries) for name in names if MONTH_TABLE.fullmatch(name)
    )
    config = op.get_context().config
    if config is not None:
        config.print_stdout(
            "This forgets %s dictionaries; %s documents were written without them.",
            len(rows),
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
    needing = sa.select(table).where(table.c.encoding.in_([PACKAGED, WITH_DICTIONARY]))
    needing = needing.order_by(table.c.run_id).limit(BATCH)
    rows = list(bind.execute(needing))
    while rows:
        yield rows
        rows = list(bind.execute(needing.where(table.c.run_id > rows[-1].run_id)))


#: As it is in the file runs_1.zstd-dictionary of the package.
PACKAGED_DICTIONARY = (
    "N6Qw7NMSui8uEMiSpA3///////+XwEANtd8EiZayGdzdJFdO09SLWj8L+riyu7u7N7Ig7OQ+OQMDAAAGiAeIMdmQ6AUA"
    "BIBFDAmIigsGh48HiIgDhwTiYDA0FIwBojAgDAiGRsEwAAviVBlS6gAAAIQUFnFEGChZziFkDBkQACCAAgAAAAEAAAAE"
    "AAAACAAAACwic2Vzc2lvbl9pZCI6InNlc3Npb24tNGExMDc1ODMiLCJ0ZXh0IjoiNTMgdGlja2V0cyBjYW1lIGluIG92"
    "ZXJuaWdodDogMyBvZiB1cmdlbmN5IDEsIHRoZSByZXN0IGNhbiB3YWl0IHVudGlsIG5vb24uIDMgdGlja2V0cyBhcmUg"
    "ZHVwbGljYXRlcyBvZiA0OTAzNiBhbmQgd2VyZSBtZXJnZWQuIEJpbGxpbmcgaGFzIDMyICUgb2YgdGhlbSwgbW9zdCBh"
    "Ym91dCB0aGUgaW52b2ljZSBhZGRyZXNzIG9uIHJlY2VpcHRzLiBUaWNrZXQgNDE3MzMgbWVudGlvbnMgZGF0YSBsb3Nz"
    "IGluIHRoZSBleHBvcnQ7IGl0IHdlbnQgdG8gdGhlIGVuZ2luZWVyIG9uIGNhbGwuIFRocmVlIGN1c3RvbWVycyB3cm90"
    "YW5kZW0vZ3Jvd3RoL3JlcG9ydHMvY29sbGVjdF9uZXdzLm1kIiwicmF3X2Fzc2lzdGFudF90ZXh0IjoiRG9uZTogTm9y"
    "dGh3aW5kIGFubm91bmNlZCBhIDMxLXNlYXQgc3RhcnRlciBwbGFuOyBzaWduLXVwIG5lZWRzIG5vIGNhcmQgZm9yIDcg"
    "ZGF5cy4iLCJzZXNzaW9uX2lkIjoic2Vzc2lvbi02YWE2OGU3YSIsInRleHQiOiJOb3J0aHdpbmQgYW5ub3VuY2VkIGEg"
    "MzEtc2VhdCBzdGFydGVyIHBsYW47IHNpZ24tdXAgbmVlZHMgbm8gY2FyZCBmb3IgNyBkYXlzLiBGYWJyaWthbSBoaXJl"
    "ZCBhIGhlYWQgb2YgcGFydG5lcnNoaXBzIHdobyBsZWQgdGhlIHNhbWUgdGVhbSBhdCBMaXR3YXJlLiBUYWlsc3BpbiBw"
    "dWJsaXNoZWQgYSBjYXNlIHN0dWR5IHdpdGggYSBiYW5rIGluIFRhbGxpbm46IDE1ICUgZmV3ZXIgdGlja2V0cyBpbiBh"
    "IHF1YXJ0ZXIuIENvbnRvc28ncyBjaGFuZ2Vsb2cgbGlzdHMgNjAgZml4ZXMsIG5vbmUgb2Ygd2hpY2ggdG91Y2hlcyBl"
    "eHBvcnRzLiBObyBuZXcgaXRlbXMgb24gdGhlIHByZXNzIHBhZ2Ugb2YgRmFicmlrYW0gc2l3X3N0YXRlX2NoYW5nZWQi"
    "LCJtZXRhZGF0YSI6eyJhdHRlbXB0IjoxLCJub2RlX2lkIjoicHVibGlzaF9kaWdlc3QiLCJwaGFzZSI6ImNvbXBsZXRl"
    "ZCIsInNlc3Npb25faWQiOiJzZXNzaW9uLWMxY2RkZjkxIiwic3RhdHVzIjoid29ya2Zsb3dfc3RhdGVfY2hhbmdlZCJ9"
    "fSx7ImV2ZW50Ijoibm9kZV9jb21wbGV0ZWQiLCJyZWNvcmRlZF9hdF9tcyI6MTc4OTY3NzA0Mjg4OSwicmVhc29uIjoi"
    "bm9kZSBgcHVibGlzaF9kaWdlc3RgIG5vZGVfY29tcGxldGVkIiwibWV0YWRhdGEiOnsiYXR0ZW1wdCI6MSwibm9kZV9p"
    "ZCI6InB1Ymxpc2hfZGlnZXN0IiwicGhhc2UiOiJjb21wbGV0ZWQiLCJzZXNzaW9uX2lkIjoic2Vzc2lvbi1jMWNkZGY5"
    "MSIsInN0YXR1cyI6Im5vZGVfY29tcGxldGVkIn19XX0sInJ1bnRpbWVfY29udGV4dCI6eyJyb3V0aW5lcyI6W3sicm91"
    "dGluZV9pZCI6InJvdXRpbmVfMCIsInZpc2libGVfY29udGV4dF9vYmplY3RzIjpbeyJjb250ZXh0X29iamVjdF9pZCI6"
    "ImN0eC0wLTAiLCJuYW1lIjoiVGVhbSBjYWxlbmRhciIsImtpbmR9LCJjb250cmFjdF9raW5kIjoic3RydWN0dXJlZF9q"
    "c29uIiwiY3JlYXRlZF9hdF9tcyI6MTc4NjIxMzY0MjMxMiwibm9kZV9pZCI6InNjYW5fbG9ja2ZpbGVzIiwicGhhc2Ui"
    "OiJjb21wbGV0ZWQiLCJwcm92ZW5hbmNlIjp7ImNvbnRlbnRfZGlnZXN0Ijoic2hhMjU2OjFjMTM4YzQwMDk4ZDU5ODU2"
    "NTZkNDZlYzhkMTg4NjkzYWM3ODljZDhkYzY3NGQ3NDVkZWIwNmZjZWUwNWYxMTIiLCJmcmVzaG5lc3MiOnsiY3VycmVu"
    "dF9hdHRlbXB0Ijp0cnVlLCJjdXJyZW50X3J1biI6dHJ1ZX0sIm5vZGVfaWQiOiJzY2FuX2xvY2tmaWxlcyIsIm91dHB1"
    "dF9wYXRoIjoicmVwb3J0cy9zY2FuX2xvY2tmaWxlcy5tZCIsInJ1bl9pZCI6ImF1dG9tYXRpb24tdjItcnVuLWEwMmNi"
    "NDEyLWNkYzAtNDRjNC1iYmZjLWRmMTE4NjFhYzc0YyIsInNlc3Npb25faWQiOiJzZXNzaW9uLWU1YzQzOTVjIn0sInN0"
    "YXR1cyI6ImNvbXBsZXRlZCIsInN1bW1hcnkiOiJObyBsb2NrIGZpbGUgd2FzIG9sZGVyIHRoYW4gNyBkYXlzLiIsInRv"
    "b2xfdGVsZW1ldHJ5Ijp7ImV4ZWN1dGV3aG8gaXMgYXdheSwgYW5kIHVudGlsIHdoZW4uIn0seyJjb250ZXh0X29iamVj"
    "dF9pZCI6ImN0eC0wLTIiLCJuYW1lIjoiU291cmNlIGxpc3QiLCJraW5kIjoibWlzc2lvbl9nb2FsIiwic2NvcGUiOiJt"
    "aXNzaW9uIiwib3duZXJfcm91dGluZV9pZCI6InJvdXRpbmVfMCIsImRlY2xhcmVkX2NvbnN1bWVycyI6W10sImRhdGFf"
    "c2NvcGVfcmVmcyI6W10sInZhbGlkYXRpb25fc3RhdHVzIjoidmFsaWQiLCJwcm92ZW5hbmNlIjp7InBsYW5faWQiOiJw"
    "bGFuLTAiLCJyb3V0aW5lX2lkIjoicm91dGluZV8wIn0sInN1bW1hcnkiOiJUaGUgcGFnZXMgdGhhdCBtYXkgYmUgY2l0"
    "ZWQsIGFuZCB0aG9zZSB0aGF0IG1heSBub3QuIn1dLCJzdGVwX2NvbnRleHRfYmluZGluZ3MiOltdfV19LCJlZmZlY3Rp"
    "dmVfZXhlY3V0aW9uX3Byb2ZpbGUiOiJndWlkZWQiLCJ0ZW5hbnRfY29udGV4dCI6eyJzb3VyY2UiOiJsb2NhbF9pbXBs"
    "aWNpdCJ9fSwic25hcHNob3Rfb3ZlcmxheSI6eyIvZXhlY3V0aW9uL3Byb2ZpbGUiOiJndWlkZWQifSwiY29sdW1uc19k"
    "aWdlc3QiOiJ7InJlY29yZCI6eyJhY3RpdmVfc2Vzc2lvbl9pZHMiOltdLCJsYXRlc3Rfc2Vzc2lvbl9pZCI6InNlc3Np"
    "b24tNTQxZTc5MTQiLCJhY3RpdmVfaW5zdGFuY2VfaWRzIjpbXSwiY2hlY2twb2ludCI6eyJjb21wbGV0ZWRfbm9kZXMi"
    "Olsic29ydF90aWNrZXRzIiwiZHJhZnRfcmVwbGllcyJdLCJwZW5kaW5nX25vZGVzIjpbXSwibm9kZV9vdXRwdXRzIjp7"
    "ImRyYWZ0X3JlcGxpZXMiOnsiYXBwcm92ZWQiOnRydWUsImFydGlmYWN0X3ZhbGlkYXRpb24iOnsiYWNjZXB0ZWRfYXJ0"
    "aWZhY3RfcGF0aCI6InJlcG9ydHMvZHJhZnRfcmVwbGllcy5tZCIsImFjY2VwdGVkX2NhbmRpZGF0ZV9zb3VyY2UiOiJ2"
    "ZXJpZmllZF9vdXRwdXQiLCJyZXBhaXJfYXR0ZW1wdGVkIjpmYWxzZSwic2VtYW50aWNfYmxvY2tfcmVhc29uIjpudWxs"
    "LCJ2YWxpZGF0aW9uX291dGNvbWUiOiJhY2NlcHRlZCJ9LCJjb250ZW50Ijp7InBhdGgiOiIvc3J2L3RhbmRlbS9zdXBw"
    "b3J0L3JlcG9ydHMvZHJhZnRfcmVwbGllcy5tZCIsInJhd19hc3Npc3RhbnRfdGV4dCI6IkRvbmU6IFRoZSAsInJlcXVl"
    "c3RlZF90b29scyI6WyJyZWFkIiwid3JpdGUiXSwidG9vbF9jYWxsX2NvdW50cyI6eyJyZWFkIjo2LCJ3cml0ZSI6MX0s"
    "IndlYl9yZXNlYXJjaF91c2VkIjpmYWxzZSwid29ya3NwYWNlX2luc3BlY3Rpb25fdXNlZCI6dHJ1ZX0sInZhbGlkYXRv"
    "cl9raW5kIjoic3RydWN0dXJlZF9qc29uIiwidmFsaWRhdG9yX3N1bW1hcnkiOnsia2luZCI6InN0cnVjdHVyZWRfanNv"
    "biIsIm91dGNvbWUiOiJwYXNzZWQiLCJyZWFzb24iOm51bGwsInJlcGFpcl9hdHRlbXB0IjowLCJyZXBhaXJfYXR0ZW1w"
    "dGVkIjpmYWxzZSwicmVwYWlyX2F0dGVtcHRzX3JlbWFpbmluZyI6MywicmVwYWlyX2V4aGF1c3RlZCI6ZmFsc2UsInJl"
    "cGFpcl9zdWNjZWVkZWQiOmZhbHNlLCJ1bm1ldF9yZXF1aXJlbWVudHMiOltdLCJ3YXJuaW5nX2NvdW50IjowLCJ3YXJu"
    "aW5nX3JlcXVpcmVtZW50cyI6W119LCJ3b3JrZmxvd19jbGFzcyI6ImFydGlmYWN0In0sInNvcnRfdGlja2V0cyI6eyJh"
    "cHByb3ZlZCI6dHJ1ZSwiYXJ0aWZhY3RfdmFsaWRhdGlvbiI6eyJhY2NlcHRlZF9udCI6MCwid2FybmluZ19yZXF1aXJl"
    "bWVudHMiOltdfSwid29ya2Zsb3dfY2xhc3MiOiJhcnRpZmFjdCJ9fSwibm9kZV9hdHRlbXB0cyI6eyJjb2xsZWN0X25l"
    "d3MiOjEsImNvbXBhcmVfcHJpY2VzIjoxLCJwdWJsaXNoX2RpZ2VzdCI6MX0sIm5vZGVfYXR0ZW1wdF92ZXJkaWN0cyI6"
    "e30sImJsb2NrZWRfbm9kZXMiOltdLCJnYXRlX2hpc3RvcnkiOltdLCJsaWZlY3ljbGVfaGlzdG9yeSI6W3siZXZlbnQi"
    "OiJydW5fY3JlYXRlZCIsInJlY29yZGVkX2F0X21zIjoxNzgyNzk5NTYwODE4fSx7ImV2ZW50Ijoibm9kZV9zdGFydGVk"
    "IiwicmVjb3JkZWRfYXRfbXMiOjE3ODI3OTk1NjA4MTgsInJlYXNvbiI6Im5vZGUgYGNvbGxlY3RfbmV3c2Agbm9kZV9z"
    "dGFydGVkIiwibWV0YWRhdGEiOnsiYXR0ZQ=="
)
