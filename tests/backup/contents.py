"""What is in a folder of backups, and in the stores that they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.stored import all_rows


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a store but the list of its backups, which a backup adds to."""
    return {name: found for name, found in all_rows(url).items() if name != "backups"}


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir())
