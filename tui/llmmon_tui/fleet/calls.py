"""Questions to several collectors: to the one that they are about, or to all that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from llmmon.errors import ControlError, LlmmonError, SchemaError
from llmmon.protocol.parts import decode_history
from llmmon.protocol.snapshot import decode_snapshot, encode_snapshot
from llmmon_tui.control import TIMEOUT_S
from llmmon_tui.fleet.answers import (
    Told,
    check_rows_only,
    merge_explanations,
    merge_history,
    merge_lists,
    merge_query,
    merge_requests,
    merge_silences,
    merge_sums,
    merge_transitions,
)
from llmmon_tui.fleet.collector import Collector, refusal
from llmmon_tui.fleet.feeds import FleetFeed
from llmmon_tui.fleet.merge import Member, merge
from llmmon_tui.fleet.names import join_id, split_id
from llmmon_tui.link import COLLECTOR, CollectorState, LinkState

_MOST_CHANGES: Final = 100
_MOST_ROWS: Final = 10_000


class FleetControl:
    """The methods of `ControlClient`, put to the collectors of a fleet."""

    def __init__(self, feed: FleetFeed) -> None:
        self._feed = feed
        self._ways: dict[str, Callable[[float, dict[str, Any]], Awaitable[Any]]] = {
            "snapshot": self._snapshot,
            "history": self._history,
            "requests": self._requests,
            "trace": self._trace,
            "query": self._query,
            "explain": self._explain,
            "acknowledge": self._acknowledge,
            "silence": self._silence,
            "silences": self._silences,
            "end_silence": self._end_silence,
            "transitions": self._transitions,
        }

    async def call(self, method: str, timeout_s: float = TIMEOUT_S, /, **params: Any) -> Any:
        """The result of `method`, in the form in which one collector tells it.

        What only reads is asked of all, and told of those that answer.

        Raises:
            UnreachableError: none answers in time, or not the one that it is about.
            ControlError: it was refused, or several cannot be asked that at once.
            SchemaError: the answers do not go together.
        """
        way = self._ways.get(method)
        if way is None:
            names = " or ".join(self._feed.names)
            reason = f"{method} cannot be asked of several collectors: connect to {names} alone"
            raise ControlError("bad_request", reason)
        return await way(timeout_s, params)

    async def _snapshot(self, timeout_s: float, params: dict[str, Any]) -> bytes:
        """One snapshot of all, as of now."""
        if params.get("at_ns") is not None:
            names = " or ".join(self._feed.names)
            reason = f"the past of several collectors cannot be added up: connect to {names} alone"
            raise ControlError("bad_request", reason)
        members = []
        for name, payload in await self._all("snapshot", timeout_s, params):
            snapshot = decode_snapshot(payload)
            state = CollectorState(name, "", LinkState.LIVE, 0.0)
            try:
                parts = await self._collector(name).ask_parts(snapshot, self._feed.window_s)
            except LlmmonError as error:
                members.append(Member(state, snapshot, reason=refusal(error)))
            else:
                members.append(Member(state, snapshot, parts))
        merged = merge(members, 1)
        if merged is None:
            raise SchemaError("; ".join(f"{one.name}: {one.reason}" for one in members))
        return encode_snapshot(merged)

    async def _history(self, timeout_s: float, params: dict[str, Any]) -> dict[str, Any]:
        told = await self._narrowed("history_parts", timeout_s, params)
        return merge_history([decode_history(payload) for _, payload in told])

    async def _requests(self, timeout_s: float, params: dict[str, Any]) -> list[dict[str, Any]]:
        told = await self._narrowed("requests", timeout_s, params)
        return merge_requests(told, params.get("limit", 50), params.get("only", "all"))

    async def _trace(self, timeout_s: float, params: dict[str, Any]) -> dict[str, list[Any]]:
        return merge_lists(await self._all("trace", timeout_s, params))

    async def _query(self, timeout_s: float, params: dict[str, Any]) -> dict[str, Any]:
        """Rows one after the other; or added up by the ways in the parameter `merge`."""
        asked = dict(params)
        ways = asked.pop("merge", ())
        if not ways:
            check_rows_only(asked["sql"])
        told = await self._all("query", timeout_s, asked)
        return merge_sums(told, ways) if ways else merge_query(told, asked.get("limit", _MOST_ROWS))

    async def _explain(self, timeout_s: float, params: dict[str, Any]) -> dict[str, Any]:
        labels = dict(params.get("labels") or {})
        names = _only(self._feed.names, labels.pop(COLLECTOR, None))
        told = await self._all("explain", timeout_s, {**params, "labels": labels}, names)
        return merge_explanations(told)

    async def _acknowledge(self, timeout_s: float, params: dict[str, Any]) -> Any:
        return await self._of_owner("acknowledge", "alert_id", timeout_s, params)

    async def _end_silence(self, timeout_s: float, params: dict[str, Any]) -> Any:
        return await self._of_owner("end_silence", "id", timeout_s, params)

    async def _silence(self, timeout_s: float, params: dict[str, Any]) -> dict[str, Any]:
        """Silence in every collector that the matcher `collector`, a glob, names; else in all."""
        matchers = dict(params["matchers"])
        glob = matchers.pop(COLLECTOR, "*")
        names = [name for name in self._feed.names if fnmatchcase(name, glob)]
        if not names:
            raise ControlError("not_found", f"no collector is called {glob!r}")
        ids = []
        for name in names:
            told = await self._one(name, "silence", timeout_s, {**params, "matchers": matchers})
            ids.append(join_id(name, str(told["id"])))
        return {"id": " ".join(ids)}

    async def _silences(self, timeout_s: float, params: dict[str, Any]) -> list[dict[str, Any]]:
        return merge_silences(await self._all("silences", timeout_s, params))

    async def _transitions(self, timeout_s: float, params: dict[str, Any]) -> list[dict[str, Any]]:
        told = await self._all("transitions", timeout_s, params)
        return merge_transitions(told, params.get("limit", _MOST_CHANGES))

    async def _narrowed(self, method: str, timeout_s: float, params: dict[str, Any]) -> Told:
        """Ask all, or the one that `where` names."""
        where = dict(params.get("where") or {})
        names = _only(self._feed.names, where.pop(COLLECTOR, None))
        return await self._all(method, timeout_s, {**params, "where": where}, names)

    async def _of_owner(
        self, method: str, id_name: str, timeout_s: float, params: dict[str, Any]
    ) -> Any:
        owned = split_id(params[id_name], self._feed.names)
        if owned is None:
            raise ControlError("not_found", f"{params[id_name]!r} is of no collector that is shown")
        name, id_ = owned
        return await self._one(name, method, timeout_s, {**params, id_name: id_})

    async def _all(
        self,
        method: str,
        timeout_s: float,
        params: dict[str, Any],
        names: Sequence[str] | None = None,
    ) -> Told:
        """What each of `names` tells, or of all; those that fail are left out unless all do."""
        names = self._reachable() if names is None else names
        tries = [self._one(name, method, timeout_s, params) for name in names]
        results = await asyncio.gather(*tries, return_exceptions=True)
        told, failures = [], []
        for name, result in zip(names, results, strict=True):
            if isinstance(result, LlmmonError):
                failures.append(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                told.append((name, result))
        if not told:
            raise failures[0]
        return told

    def _reachable(self) -> Sequence[str]:
        """Those whose snapshots come, or all: one that has gone would keep every answer waiting."""
        pairs = zip(self._feed.collectors, self._feed.names, strict=True)
        live = [name for one, name in pairs if one.state(name).link is LinkState.LIVE]
        return live or self._feed.names

    async def _one(self, name: str, method: str, timeout_s: float, params: dict[str, Any]) -> Any:
        """What one of them tells; a refusal says whose it is."""
        try:
            control = self._collector(name).connection.control
            return await control.call(method, timeout_s, **params)
        except ControlError as error:
            raise ControlError(error.code, f"{name}: {error.reason}") from None

    def _collector(self, name: str) -> Collector:
        for one, known in zip(self._feed.collectors, self._feed.names, strict=True):
            if known == name:
                return one
        raise ControlError("not_found", f"no collector is called {name!r} any more")


def _only(names: Sequence[str], name: str | None) -> Sequence[str]:
    """The one that is named, where one is.

    Raises:
        ControlError: nobody is called that.
    """
    if name is None:
        return names
    if name not in names:
        raise ControlError("not_found", f"no collector is called {name!r}")
    return [name]
