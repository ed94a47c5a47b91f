"""Flap damping: what begins to fire again and again is told once, until it has calmed. Pure.

An alert that begins to fire more than ``MAX_FIRINGS`` times within ``WITHIN_S`` flaps. Channels are
told so once, in a notification that says it, and then neither of further firings nor of their ends,
unless one is worse than what they were told. Once it has neither begun to fire nor resolved for
``CALM_S`` it flaps no more: if it is over, that is told now; if it fires, it is an alert as any
other. The count begins anew then. Channels that hold the state of alerts themselves
(``refresh_s``) are told everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MAX_FIRINGS: Final = 5
WITHIN_S: Final = 3600.0
CALM_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Flap:
    """How often one alert began to fire of late."""

    firing: bool = False
    """Whether it fires."""
    firings_s: tuple[float, ...] = ()
    """When it began to, monotonic clock; the newest."""
    changed_s: float | None = None
    """When it last began to fire or resolved."""
    flapping: bool = False

    @property
    def calm_s(self) -> float | None:
        """When it will have calmed, if nothing more happens; None when it does not flap."""
        return self.changed_s + CALM_S if self.flapping and self.changed_s is not None else None


def follow_flap(flap: Flap, firing: bool, now_s: float) -> Flap:
    """``flap`` after it is known at ``now_s`` whether the alert fires."""
    calm_s = flap.calm_s
    if calm_s is not None and now_s >= calm_s:
        flap = Flap(firing=flap.firing)
    if firing == flap.firing:
        return flap
    moved = replace(flap, firing=firing, changed_s=now_s)
    if not firing:
        return moved
    recent = [at_s for at_s in flap.firings_s[-MAX_FIRINGS:] if now_s - at_s < WITHIN_S]
    many = len(recent) >= MAX_FIRINGS
    return replace(moved, firings_s=(*recent, now_s), flapping=flap.flapping or many)
