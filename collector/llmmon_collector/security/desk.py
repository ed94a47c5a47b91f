"""Who asks at the control socket, whether they may, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import zmq

from llmmon.protocol.curve import OPERATOR
from llmmon.protocol.keyfile import Grant
from llmmon_collector.security.audit import LOCAL, AuditLog
from llmmon_collector.security.door import Door
from llmmon_collector.security.roles import changes, may_call

ANYBODY_LOCAL: Final = Grant(LOCAL, OPERATOR)
_SAME_AGAIN_S: Final = 60.0
"""How long the same refusal is not written down again: a viewer must not fill the disk."""


class Desk:
    """Without a door everybody is local, and so an operator."""

    def __init__(self, door: Door | None, audit: AuditLog, mono_ns: Callable[[], int]) -> None:
        self._door = door
        self._audit = audit
        self._mono_ns = mono_ns
        self._refused_ns: dict[tuple[str, str], int] = {}

    def protect(self, socket: zmq.Socket[Any]) -> None:
        """Make ``socket`` ask for keys, where this one does."""
        if self._door is not None:
            self._door.protect(socket)

    def caller(self, frame: zmq.Frame) -> Grant | str:
        """Who sent ``frame``, or why nobody answers them."""
        return ANYBODY_LOCAL if self._door is None else self._door.sender(frame)

    def refusal(self, caller: Grant, method: str, params: Mapping[str, Any]) -> str:
        """Why ``caller`` may not call ``method``, written down; empty when they may."""
        if may_call(caller.role, method):
            return ""
        reason = f"the key {caller.name!r} is a {caller.role}'s, and {method} is for operators"
        if self._is_new(caller.name, method):
            self._audit.append(caller.name, method, params, f"forbidden: {reason}")
        return reason

    def record(self, caller: Grant, method: str, params: Mapping[str, Any], outcome: str) -> None:
        """Write down what came of a change; what only reads is not written down."""
        if changes(method):
            self._audit.append(caller.name, method, params, outcome)

    def _is_new(self, name: str, method: str) -> bool:
        now_ns, before_ns = self._mono_ns(), self._refused_ns.get((name, method))
        if before_ns is not None and now_ns - before_ns < _SAME_AGAIN_S * 1e9:
            return False
        self._refused_ns[name, method] = now_ns
        return True
