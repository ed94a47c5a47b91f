"""Public keys and what their holders may do, as one unchanging picture. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from llmmon.protocol.keyfile import Grant
from llmmon_collector.security.roles import looks, may_enter


class Change(NamedTuple):
    """One key that came or went."""

    public_key: str
    grant: Grant
    allowed: bool


class Keyring:
    """Grants by public key. To change it, make another."""

    def __init__(self, grants: Mapping[str, Grant] | None = None) -> None:
        self._grants = dict(grants or {})

    def find(self, public_key: str) -> Grant | None:
        """What ``public_key`` was granted; None when it is not allowed."""
        return self._grants.get(public_key)

    def admits(self, public_key: str, socket: str) -> bool:
        """Whether the holder of ``public_key`` may connect to ``socket``."""
        grant = self.find(public_key)
        return grant is not None and may_enter(grant.role, socket)

    def grants(self) -> list[Grant]:
        """Every grant once, by name."""
        return sorted(set(self._grants.values()))

    def changes_to(self, other: Keyring) -> Iterator[Change]:
        """What was allowed and taken away between this keyring and ``other``."""
        for before, after, allowed in ((self, other, False), (other, self, True)):
            for key, grant in sorted(before._grants.items()):
                if after.find(key) != grant:
                    yield Change(key, grant, allowed)

    def __len__(self) -> int:
        return len(self._grants)


def cuts_viewer(changes: Iterable[Change]) -> bool:
    """Whether somebody who may be watching may no longer."""
    return any(looks(change.grant.role) and not change.allowed for change in changes)
