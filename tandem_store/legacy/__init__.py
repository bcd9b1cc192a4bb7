"""Reads and writes the engine's JSON files as the engine does; knows no database."""

from __future__ import annotations

from tandem_store.legacy.compaction import compact_for_hot_storage, hot_cutoff_ms
from tandem_store.legacy.definitions import parse_definition, parse_definitions_file
from tandem_store.legacy.layout import history_root, history_shard_path
from tandem_store.legacy.runs_file import parse_runs_file, serialize_runs_file
from tandem_store.legacy.shard_file import parse_shard_file, serialize_shard_file

__all__ = [
    "compact_for_hot_storage",
    "history_root",
    "history_shard_path",
    "hot_cutoff_ms",
    "parse_definition",
    "parse_definitions_file",
    "parse_runs_file",
    "parse_shard_file",
    "serialize_runs_file",
    "serialize_shard_file",
]
