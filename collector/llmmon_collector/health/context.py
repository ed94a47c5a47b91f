"""What checks may see of the world around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from llmmon_collector.clock import Clock
from llmmon_collector.outbound.resolve import Resolver


class AgentBeat(NamedTuple):
    """How long ago one agent was heard of. Agents that said goodbye are left out."""

    agent: str
    silence_s: float
    interval_s: float
    """Between its heartbeats."""


def _no_agents() -> Sequence[AgentBeat]:
    return ()


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Handed to every check."""

    clock: Clock
    environ: Mapping[str, str] = field(default_factory=dict)
    """Where ``env:`` secrets are looked up."""
    agents: Callable[[], Sequence[AgentBeat]] = _no_agents
    resolver: Resolver = field(default_factory=Resolver)
    """Looks names up for every check."""
