"""The state behind the screens. It knows no widget, no socket and no clock: time comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

from llmmon.protocol.snapshot import Metrics, Snapshot, WindowView
from llmmon_tui.history import History
from llmmon_tui.link import STALE_AFTER_S, CollectorState, Freshness, Link, LinkState
from llmmon_tui.questions import NOTHING, Answer, Desk, Question
from llmmon_tui.rows import RequestRow, TailShare, merge_rows
from llmmon_tui.trends import Trends
from llmmon_tui.view import WINDOWS_S, View, nearest_window

_SECOND_NS: Final = 1_000_000_000
_RETRY_NS: Final = 5 * _SECOND_NS
TRACKED: Final = (
    "request_rate",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p95",
    "error_rate",
    "hourly_cost",
    "quality_score_mean",
    "refusal_rate",
)
"""Metrics whose trend a table can show."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the screen holds on to while it is paused or shows the past."""

    snapshot: Snapshot
    tail: tuple[RequestRow, ...]
    trends: Trends
    since_ns: int
    is_past: bool = False
    """Whether it was fetched from what is stored, and was never live here."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything one frame shows. `version` is another whenever data or choices are others."""

    version: int
    now_ns: int
    address: str
    link: Link
    age_s: float | None
    snapshot: Snapshot | None
    """What tables, tiles and charts show; the held one while paused."""
    live: Snapshot | None
    """The newest one: its alerts break through a pause."""
    history: History | None
    tail: tuple[RequestRow, ...]
    trends: Trends
    view: View
    held: Held | None = None
    missed: int = 0
    tail_share: float | None = None
    """How much of what comes the tail shows, from 0 to 1; None before it told."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    collectors: tuple[CollectorState, ...] = ()
    """How the viewer stands with each of several collectors."""

    def answer(self, name: str) -> Answer:
        """What is known about the question of this name."""
        return self.answers.get(name, NOTHING)

    @property
    def is_past(self) -> bool:
        """Whether what is shown was fetched from what is stored."""
        return self.held is not None and self.held.is_past

    @property
    def watched(self) -> Snapshot | None:
        """Whose alerts are listed: the newest, so that a pause hides none; of the past, its own."""
        return self.snapshot if self.is_past else self.live

    @property
    def held_ns(self) -> int | None:
        """The instant held, on the collector's clock; None while live."""
        return None if self.held is None else self.held.snapshot.at_ns

    @property
    def window(self) -> WindowView | None:
        """The chosen window of the snapshot, or the nearest one that the collector keeps."""
        if self.snapshot is None or not self.snapshot.windows:
            return None
        windows = [window.window_s for window in self.snapshot.windows]
        return self.snapshot.window(nearest_window(windows, self.view.window_s))

    @property
    def total(self) -> Metrics:
        """The metrics of the whole, or of the one group that the view is narrowed to."""
        window = self.window
        if window is None:
            return {}
        if not self.view.where:
            return window.total
        groups = (group for group in window.groups if group.labels == self.view.where)
        return next((group.metrics for group in groups), {})

    @property
    def at_ns(self) -> int:
        """The instant shown, on the collector's clock; the viewer's before the first snapshot."""
        return self.now_ns if self.snapshot is None else self.snapshot.at_ns

    @property
    def live_at_ns(self) -> int:
        """The instant of the newest data, on the collector's clock."""
        return self.now_ns if self.live is None else self.live.at_ns

    @property
    def is_stale(self) -> bool:
        """Whether an old picture must not pass for a live one."""
        if self.age_s is None:
            return False
        return self.link.state is not LinkState.LIVE or self.age_s > STALE_AFTER_S

    @property
    def is_empty(self) -> bool:
        """Whether the collector has never heard of an event."""
        return self.snapshot is not None and self.snapshot.ingest.events_stored == 0

    @property
    def windows_s(self) -> Sequence[int]:
        """The windows that can be chosen, shortest first."""
        if self.live is None or not self.live.windows:
            return WINDOWS_S
        return [window.window_s for window in self.live.windows]


class Model:
    """Takes what the feed brings and what the operator chooses; gives pictures."""

    def __init__(self, address: str, view: View) -> None:
        self.view = view
        self.version = 0
        self._address = address
        self._link = Link()
        self._freshness = Freshness()
        self._live: Snapshot | None = None
        self._tail: tuple[RequestRow, ...] = ()
        self._tail_share = TailShare()
        self._trends = Trends(TRACKED)
        self._history: History | None = None
        self._history_due_ns = 0
        self._held: Held | None = None
        self._missed = 0
        self._desk = Desk()

    @property
    def live(self) -> Snapshot | None:
        """The newest snapshot."""
        return self._live

    def arrive(self, snapshot: Snapshot, missed: int, now_ns: int) -> None:
        """A snapshot came, after `missed` others that did not."""
        self._link = Link(LinkState.LIVE)
        self._freshness.take(snapshot.at_ns, now_ns)
        self._missed += missed
        if missed:
            self._history_due_ns = 0
        self._live = snapshot
        window = self._window_of(snapshot)
        if window is not None:
            self._trends.add(snapshot.at_ns, window)
        self.version += 1

    def lose(self, reason: str, attempt: int, retry_at_ns: int) -> None:
        """No collector answers; the next try is at `retry_at_ns`."""
        state = LinkState.CONNECTING if self._live is None else LinkState.RECONNECTING
        self._link = Link(state, reason, attempt, retry_at_ns)
        self.version += 1

    def mismatch(self, reason: str, retry_at_ns: int) -> None:
        """The collector speaks another version of the protocol."""
        self._link = Link(LinkState.MISMATCH, reason, 0, retry_at_ns)
        self.version += 1

    def add_rows(self, rows: Sequence[RequestRow], sampled_out: int | None = None) -> None:
        """Requests came: from the tail, which left `sampled_out` out, or as they were asked for."""
        if sampled_out is not None:
            self._tail_share.add(len(rows), sampled_out)
        self._tail = merge_rows(self._tail, rows)
        self.version += 1

    def choose(self, view: View) -> None:
        """The operator has chosen another view."""
        before, self.view = self.view, view
        if (before.window_s, before.where) != (view.window_s, view.where):
            self._history = None
            self._history_due_ns = 0
        if (before.window_s, before.by) != (view.window_s, view.by):
            self._trends.clear()
        self.version += 1

    def toggle_pause(self, now_ns: int) -> None:
        """Hold the picture, or let it go; there must be one to hold."""
        if self._held is not None:
            if self._held.is_past:
                self._history = None
            self._held = None
            self._history_due_ns = 0
        elif self._live is not None:
            self._held = Held(self._live, self._tail, copy(self._trends), now_ns)
        self.version += 1

    def travel(self, snapshot: Snapshot, tail: Sequence[RequestRow], now_ns: int) -> None:
        """Hold a picture of the past that was fetched, with the requests that ended before it."""
        self._held = Held(snapshot, tuple(tail), Trends(TRACKED), now_ns, is_past=True)
        self._history = None
        self._history_due_ns = 0
        self.version += 1

    def questions_due(self, questions: Iterable[Question], now_ns: int) -> list[Question]:
        """Those to ask now; none before the first snapshot."""
        if self._live is None:
            return []
        return self._desk.due(questions, self._held_ns, now_ns)

    def answer(
        self, question: Question, held_ns: int | None, value: Any, error: str, now_ns: int
    ) -> None:
        """An answer came, to what was asked of the picture held at `held_ns`, or an error."""
        if self._desk.take(question, held_ns, value, error, now_ns):
            self.version += 1

    def history_request(self, now_ns: int) -> Mapping[str, object] | None:
        """Parameters of the history to ask for now, or None while what is there will do."""
        if self._live is None or now_ns < self._history_due_ns:
            return None
        if self._held is not None and self._history is not None:
            return None
        self._history_due_ns = now_ns + _RETRY_NS
        window = None if self._shown is None else self._window_of(self._shown)
        return {
            "window_s": self.view.window_s if window is None else window.window_s,
            "end_ns": self._held_ns,
            "where": dict(self.view.where),
        }

    def set_history(
        self, history: History, where: Mapping[str, str], now_ns: int, held_ns: int | None = None
    ) -> None:
        """A history up to `held_ns` came; it is dropped when the view has moved on meanwhile."""
        window = None if self._shown is None else self._window_of(self._shown)
        wanted = (window.window_s if window else None, self.view.where, self._held_ns)
        if (history.window_s, where, held_ns) != wanted:
            return
        self._history = history
        self._history_due_ns = now_ns + int(history.refresh_s * _SECOND_NS)
        self.version += 1

    def refetch(self) -> None:
        """Ask for the history and everything else again as soon as possible."""
        self._history_due_ns = 0
        self._desk.refresh()

    def picture(self, now_ns: int, collectors: tuple[CollectorState, ...] = ()) -> Picture:
        """What to show at `now_ns`."""
        held = self._held
        return Picture(
            version=self.version,
            now_ns=now_ns,
            address=self._address,
            link=self._link,
            age_s=self._freshness.age_s(now_ns),
            snapshot=self._shown,
            live=self._live,
            history=self._history,
            tail=self._tail if held is None else held.tail,
            trends=self._trends if held is None else held.trends,
            view=self.view,
            held=held,
            missed=self._missed,
            tail_share=None if held is not None and held.is_past else self._tail_share.share,
            answers=self._desk.answers,
            collectors=collectors,
        )

    @property
    def _shown(self) -> Snapshot | None:
        return self._live if self._held is None else self._held.snapshot

    @property
    def _held_ns(self) -> int | None:
        return None if self._held is None else self._held.snapshot.at_ns

    def _window_of(self, snapshot: Snapshot) -> WindowView | None:
        windows = [window.window_s for window in snapshot.windows]
        if not windows:
            return None
        return snapshot.window(nearest_window(windows, self.view.window_s))
