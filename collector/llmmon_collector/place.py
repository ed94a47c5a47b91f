"""Where a collector listens and keeps its state, and what surrounds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmmon.protocol.endpoint import Address
from llmmon_collector.security.live import LiveKeys


@dataclass(frozen=True, slots=True)
class Place:
    """What one collector has to itself."""

    address: Address
    state_dir: Path
    http: str
    """HOST:PORT, or empty for no HTTP."""
    environ: Mapping[str, str]
    keys: LiveKeys | None = None
    """What peers' keys are checked against; None where they need none."""
