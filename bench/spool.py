"""A spool of a benchmark's own: what one run leaves behind must not be delivered by the next."""

from __future__ import annotations

import tempfile
from typing import Final

_KEPT: Final = tempfile.TemporaryDirectory(prefix="llmmon-", ignore_cleanup_errors=True)
DIRECTORY: Final = _KEPT.name
"""Gone at the end of the process."""
