"""How a fault run tells its figure."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, str], None]
"""Called with the fault and the figure: one line at the end of ``make faults``."""
