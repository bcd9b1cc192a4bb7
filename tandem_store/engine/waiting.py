"""How long one waits for a database that others are using."""

from __future__ import annotations

from typing import Final

#: How long a statement waits for another process, in seconds.
BUSY_TIMEOUT_S: Final = 30
