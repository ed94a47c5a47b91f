"""One guarded socket: what makes it ask for keys, and whose message it is that came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import zmq

from llmmon.protocol.keyfile import Grant
from llmmon_collector.security.live import LiveKeys
from llmmon_collector.security.refusals import Refusals
from llmmon_collector.security.roles import may_enter
from llmmon_collector.security.zap import user_id

UNCHECKED: Final = "keys are not being checked"
NO_KEY: Final = "no key"
REVOKED: Final = "revoked key"
UNKNOWN: Final = "unknown key"
WRONG_ROLE: Final = "a key of another role"


class Door:
    """Asks again with every message: a connection outlives the key that it was made with."""

    def __init__(
        self, name: str, keys: LiveKeys, checking: Callable[[], bool], refusals: Refusals
    ) -> None:
        """``name`` is one of the sockets in :mod:`roles`; ``checking`` says if the handler runs."""
        self._name = name
        self._keys = keys
        self._checking = checking
        self.refusals = refusals

    def protect(self, socket: zmq.Socket[Any]) -> None:
        """Make ``socket`` ask for keys; call it before it is bound."""
        socket.curve_server = True
        socket.curve_publickey = self._keys.pair.public_key.encode()
        socket.curve_secretkey = self._keys.pair.secret_key.encode()
        socket.zap_domain = self._name.encode()
        # without this, CURVE takes any key where nobody answers
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def sender(self, frame: zmq.Frame) -> Grant | str:
        """Who sent ``frame``, or why it may not be here now."""
        if not self._checking():
            return self.refuse(UNCHECKED, "anybody")
        key = user_id(frame)
        if key is None:
            return self.refuse(NO_KEY, "a peer without one")
        grant = self._keys.keyring.find(key)
        if grant is None:
            return self.refuse(REVOKED, self._keys.holder(key))
        if not may_enter(grant.role, self._name):
            return self.refuse(WRONG_ROLE, grant.name)
        return grant

    def refuse(self, reason: str, who: str) -> str:
        """Count it; ``reason`` again."""
        self.refusals.add(reason, who)
        return reason
