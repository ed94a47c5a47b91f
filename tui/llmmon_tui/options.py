"""What the command line decides."""

from __future__ import annotations

from dataclasses import dataclass

from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address


@dataclass(frozen=True, slots=True)
class Options:
    """Choices for one run."""

    address: Address
    window_s: int = 300
    by: str = "model"
    rate_hz: float = 2.0
    side: bool = False
    """Show the side panel at any width."""
    ascii_only: bool = False
    readonly: bool = False
    theme: str = "dark"
    """A name in `themes.THEMES`."""
    bell: bool = False
    """Ring the terminal's bell at a new critical alert."""
    view: str = ""
    """Name of the saved view to begin with."""
    operator: str = "operator"
    """Who acknowledges and silences."""
    keys: CurveKeys | None = None
    """For a collector over TCP that asks for a key."""
    others: tuple[tuple[Address, CurveKeys | None], ...] = ()
    """More collectors, shown as one with the first, each with its key."""

    @property
    def told_address(self) -> str:
        """The address, or all of them."""
        return ", ".join([str(self.address), *(str(address) for address, _ in self.others)])
