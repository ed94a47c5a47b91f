"""All that guards one collector's sockets, made together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import zmq

from llmmon_collector.clock import Clock
from llmmon_collector.security.agentcheck import AgentCheck
from llmmon_collector.security.audit import LOCAL, AuditLog
from llmmon_collector.security.desk import Desk
from llmmon_collector.security.door import REVOKED, UNCHECKED, UNKNOWN, WRONG_ROLE, Door
from llmmon_collector.security.keyring import cuts_viewer
from llmmon_collector.security.live import LiveKeys
from llmmon_collector.security.refusals import Refusals
from llmmon_collector.security.roles import CONTROL, INGEST, SNAPSHOTS
from llmmon_collector.security.zap import ZapHandler

AUDIT_FILE: Final = "audit.log"


class Guard:
    """Without keys it lets everybody in, as local operators, and only keeps the audit log."""

    def __init__(self, keys: LiveKeys | None, directory: Path, clock: Clock) -> None:
        """``audit.log`` goes into ``directory``."""
        self._keys = keys
        self._audit = AuditLog(directory / AUDIT_FILE, clock.wall_ns)
        self._clock = clock
        self._refusals = {
            name: Refusals(clock.mono_ns) for name in ("handshake", INGEST, SNAPSHOTS, CONTROL)
        }
        self._handler: ZapHandler | None = None
        self._was_checking = False
        self.desk = Desk(self._door(CONTROL), self._audit, clock.mono_ns)
        snapshots = self._door(SNAPSHOTS)
        self.protect_snapshots = None if snapshots is None else snapshots.protect
        """What makes the viewers' socket ask for keys; None where it does not."""
        ingest = self._door(INGEST)
        self.agents = None if ingest is None else AgentCheck(ingest)
        """What agents' messages go through; None where nobody is asked for a key."""

    def start(self, contexts: Sequence[zmq.Context[Any]]) -> None:
        """Begin to check keys; before any socket of ``contexts`` is bound."""
        if self._keys is not None:
            self._handler = ZapHandler(contexts, self._admit)
            self._handler.start()
            self._was_checking = True

    def stop(self) -> None:
        """End the check; from now on nobody gets in."""
        if self._handler is not None:
            self._handler.stop()

    @property
    def checking(self) -> bool:
        """Whether keys are being checked."""
        return self._handler is not None and self._handler.alive

    @property
    def broken(self) -> str:
        """Why nothing at all is accepted; empty when that is not so."""
        if self._keys is None or self.checking:
            return ""
        failure = self._handler.failure if self._handler is not None else ""
        why = f" ({failure})" if failure else ""
        return f"{UNCHECKED}{why}: nothing is accepted; restart the collector"

    def look(self) -> bool:
        """Take in changed keys; whether viewers must be cut off, to come back if they may."""
        if self._keys is None:
            return False
        changes = self._keys.look()
        for change in changes:
            done = "key allowed" if change.allowed else "key revoked"
            told = {"name": change.grant.name, "role": change.grant.role}
            self._audit.append(LOCAL, done, {**told, "public_key": change.public_key}, "ok")
        died = self._was_checking and not self.checking
        self._was_checking = self.checking
        return died or cuts_viewer(changes)

    @property
    def asks_for_keys(self) -> bool:
        """Whether peers need keys."""
        return self._keys is not None

    def problems(self) -> tuple[str, ...]:
        """What a viewer should be told."""
        audit = (self._audit.problem,) if self._audit.problem else ()
        if self._keys is None:
            return audit
        dead = (self.broken,) if self.broken else ()
        empty = () if len(self._keys.keyring) else ("no key is allowed: see `llmmon keys allow`",)
        news = [line for refusals in self._refusals.values() for line in refusals.news()]
        return (*dead, *empty, *self._keys.problems, *audit, *news)

    @property
    def rejected(self) -> int:
        """Messages of agents that were refused."""
        return self._refusals[INGEST].counts.total()

    def view(self) -> dict[str, Any]:
        """What ``status`` tells."""
        grants = [] if self._keys is None else self._keys.keyring.grants()
        return {
            "keys_required": self.asks_for_keys,
            "keys": [grant._asdict() for grant in grants],
            "refused": {name: dict(each.counts) for name, each in self._refusals.items()},
        }

    def _door(self, name: str) -> Door | None:
        if self._keys is None:
            return None
        return Door(name, self._keys, lambda: self.checking, self._refusals[name])

    def _admit(self, socket: str, public_key: str) -> bool:
        if self._keys is None:
            return False
        keyring = self._keys.keyring
        if keyring.admits(public_key, socket):
            return True
        grant = keyring.find(public_key)
        if grant is None:
            reason = REVOKED if public_key in self._keys.revoked else UNKNOWN
            self._refusals["handshake"].add(reason, self._keys.holder(public_key))
        else:
            self._refusals["handshake"].add(f"{WRONG_ROLE} at {socket}", grant.name)
        return False
