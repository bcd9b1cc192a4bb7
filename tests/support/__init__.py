"""What the tests of several packages share: databases, records, state directories, and looking."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
