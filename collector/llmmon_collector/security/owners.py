"""Which key's holder an agent belongs to: whoever named it first. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MOST_AGENTS: Final = 10_000
"""Agents remembered of one holder; beyond, the one not heard for longest is forgotten."""


class Owners:
    """Agent ids by the name of the grant under which they were first heard.

    By name and not by key: a holder can change keys while its agents run. A holder that names
    many agents makes its own forgotten, never another's.
    """

    def __init__(self, most_agents: int = MOST_AGENTS) -> None:
        self._most = most_agents
        self._names: dict[bytes, str] = {}
        self._agents: dict[str, OrderedDict[bytes, None]] = {}

    def claim(self, agent_id: bytes, name: str) -> bool:
        """Whether ``agent_id`` belongs to ``name``, which it does from now on if it was nobody's.

        Whether ``name`` may send at all is for others to say.
        """
        owner = self._names.setdefault(agent_id, name)
        if owner != name:
            return False
        own = self._agents.setdefault(name, OrderedDict())
        own[agent_id] = None
        own.move_to_end(agent_id)
        if len(own) > self._most:
            forgotten, _ = own.popitem(last=False)
            del self._names[forgotten]
        return True
