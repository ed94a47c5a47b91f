"""The collector: its rooms wired together, from agents' sockets to viewers and channels."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from llmmon.errors import ConfigError
from llmmon.protocol.wire import Batch
from llmmon_collector import __version__
from llmmon_collector.clock import Clock
from llmmon_collector.config.settings import Settings
from llmmon_collector.control.methods import Backend, Methods
from llmmon_collector.day import LocalDay
from llmmon_collector.httpd.server import HttpServer, HttpState
from llmmon_collector.intake.gate import open_gate
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Session, Terms
from llmmon_collector.live import LiveMetrics
from llmmon_collector.logs import get_logger
from llmmon_collector.pictures import Contributions, Pictures, wanted_tails
from llmmon_collector.place import Place
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.catalogue import ListPrices
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.retrospect import Present, Retrospect, desk
from llmmon_collector.security.guard import Guard
from llmmon_collector.series import SeriesTable
from llmmon_collector.snapshots import Identity
from llmmon_collector.sockets import Handover, Sockets
from llmmon_collector.status import About, status_document
from llmmon_collector.steps import FollowedClock
from llmmon_collector.storage import Storage
from llmmon_collector.warmup import refill_windows, replay_tail, restore_ledger
from llmmon_collector.watch import Watch
from llmmon_collector.windows import Windows


class Collector:
    """One running collector: ``start``, ``tick`` at every tick, ``stop``, on one event loop."""

    def __init__(
        self,
        settings: Settings,
        place: Place,
        clock: Clock,
        reload: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        """``reload`` reads the configuration again and calls ``apply`` with what it says."""
        self.settings = settings
        self.config_problems: Callable[[], Sequence[str]] = tuple
        """What is wrong with the configuration on disk."""
        self.config_files: tuple[str, ...] = ()
        self.crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises when a part that cannot be done without has ended."""
        self._place = place
        self._clock = clock
        self._reload = reload
        self._log = get_logger(__name__)
        self._started_ns = clock.wall_ns()
        self._ticked_ns = clock.mono_ns()
        self._http: HttpServer | None = None
        self._http_problem = ""
        self._ledger = Ledger(clock.mono_ns(), lock=threading.Lock())

    async def start(self) -> None:
        """Bring the state back, then open for agents and viewers.

        Raises:
            ConfigError: the state directory or the address cannot be had.
            StoreError, JournalError: what is on disk cannot be opened.
        """
        catalogue = ListPrices()
        await asyncio.to_thread(catalogue.load)
        self._prices = PriceBook(self.settings.prices, catalogue)
        self._storage = Storage(
            self._place.state_dir,
            self._prices,
            self._clock,
            self.settings.collector,
            lambda error: self._on_crash("fold", error),
        )
        try:
            self._build_rooms()
            self._warm_up()
            await self._serve()
        except BaseException:
            self._storage.close()
            raise

    async def tick(self) -> None:
        """Move on to now: windows, rules, pictures."""
        self._pictures.advance()
        self._pictures.tail.add_alerts([row._asdict() for row in self._watch.tick()])
        await self._pictures.publish(self._sockets.publisher)
        self._ticked_ns = self._clock.mono_ns()

    async def stop(self) -> None:
        """Finish the work in hand: commit what arrived, count it, fold it, save the alerts."""
        await self._sockets.stop_intake()
        await self.tick()
        if self._http is not None:
            await self._http.stop()
        await self._watch.stop()
        await self._sockets.stop()
        await asyncio.to_thread(self._storage.close)

    async def apply(self, settings: Settings) -> None:
        """Put the rules, channels, checks, name and note of ``settings`` in force.

        Raises:
            ConfigError: one of them cannot be; then nothing has changed.
        """
        rows = await self._watch.apply(settings)
        self.settings = settings
        self._pictures.tail.add_alerts([row._asdict() for row in rows])

    def problems(self) -> tuple[str, ...]:
        """What a viewer should be told is wrong with the collector itself, the worst first."""
        fold, scribe = self._storage.folder.problem, self._watch.scribe.problem
        found = (
            self._session.problem,
            self._guard.broken,
            self._sockets.receiver.problem,
            self._followed.problem,
            *self._watch.problems(),
            *self.config_problems(),
            fold and f"events wait in the journal, the store does not take them: {fold}",
            scribe and f"changes of alerts and checks cannot be written to the store: {scribe}",
            self._http_problem,
            *self._guard.problems(),
            *self._session.notices(),
        )
        return tuple(dict.fromkeys(problem for problem in found if problem))

    def _build_rooms(self) -> None:
        chosen, storage = self.settings.collector, self._storage
        series = SeriesTable(chosen.max_series)
        day = LocalDay(chosen.timezone)
        windows = Windows(chosen.window_lengths_s, chosen.lateness_s, day.start_ns)
        self.live = LiveMetrics(series, windows, RequestDecoder(series, self._prices))
        handover = Handover(self._take)
        limits = chosen.agent_events_per_s, chosen.min_free_bytes
        terms = Terms(chosen.name, open_gate(self._ledger, storage.space, *limits))
        self._session = Session(
            self._ledger, storage.journal, storage.dead, self._clock, handover.put, terms
        )
        self._guard = Guard(self._place.keys, storage.directory, self._clock)
        self._watch = Watch(
            self.settings, self._place, self._clock, self.live, storage, self._ledger
        )
        self._followed = FollowedClock(self._clock, self._watch.set_clock)
        told = self._contributions()
        self._pictures = Pictures(
            self.live, self._ledger, self._followed, self._identity, told, handover.deliver
        )

    def _warm_up(self) -> None:
        now_ns, storage = self._clock.wall_ns(), self._storage
        restore_ledger(self._ledger, storage.store, now_ns)
        refill_windows(self.live, storage.store, now_ns)
        self._watch.backfill.begin()
        tail = replay_tail(storage.journal, storage.store.cursor(), self._ledger, self.live, now_ns)
        stored = self._ledger.totals(self._clock.mono_ns()).stored
        self._log.info("state restored", events_stored=stored, from_journal=tail)

    async def _serve(self) -> None:
        methods = Methods(self._backend()).table()
        self._sockets = Sockets(
            self._place.address, self._session, methods, self._on_failure, self._guard
        )
        self._pictures.advance()
        self._storage.folder.start()
        self._watch.start()
        self._sockets.start()
        await self._start_http()

    async def _start_http(self) -> None:
        if not self._place.http:
            return
        state = HttpState(
            tick_age_s=lambda: (self._clock.mono_ns() - self._ticked_ns) / 1e9,
            ready=lambda: {"journal": self._session.problem, "keys": self._guard.broken},
            health=self._watch.health.views,
            name=lambda: self.settings.collector.name,
            snapshot=lambda: self._pictures.snapshot("model"),
        )
        allow_remote = self.settings.collector.http_allow_remote
        server = HttpServer(self._place.http, state, self._clock, allow_remote)
        try:
            await server.start()
        except ConfigError as error:  # a taken port must not leave anybody without alerts
            self._http_problem = f"no HTTP endpoint: {error.reason}"
            self._log.warning("no HTTP endpoint", reason=error.reason)
        else:
            self._http = server

    def _take(self, batches: list[Batch]) -> None:
        requests = self.live.add(batches, self._followed.wall_ns())
        if wanted := wanted_tails(self._sockets.publisher):
            self._pictures.tail.add_batches(batches, requests, wanted)

    def _identity(self) -> Identity:
        chosen = self.settings.collector
        return Identity(chosen.name, chosen.note, self._started_ns)

    def _contributions(self) -> Contributions:
        return Contributions(
            alerts=self._watch.alerting.views,
            limits=self._watch.alerting.limits,
            health=self._watch.health.views,
            slos=self._watch.objectives.slo_views,
            budgets=self._watch.objectives.budget_views,
            channels=self._watch.alerting.channels,
            problems=self.problems,
            rejected=lambda: self._session.rejected + self._guard.rejected,
            unpriced_models=lambda: self._prices.unpriced_models,
            fold_lag_s=self._storage.lag_s,
        )

    def _present(self) -> Present:
        alerting = self._watch.alerting
        return Present(
            self._identity(),
            alerting.limits(),
            self._pictures.ingest(),
            alerting.manager.silences(),
            {rule.name: rule.runbook for rule in alerting.manager.engine.rules},
        )

    def _backend(self) -> Backend:
        chosen = self.settings.collector
        start_ns = LocalDay(chosen.timezone).start_ns
        retrospect = Retrospect(self._storage.store, start_ns, chosen.max_series)
        return Backend(
            live=self.live,
            refresh=self._pictures.refresh,
            snapshot=self._pictures.snapshot,
            past=desk(retrospect, self._present, self._clock.wall_ns),
            status=self._status,
            query=self._storage.store.query,
            folded=self._storage.folded,
            alerts=self._watch.alerting.desk(),
            reload=self._reload,
            explain=self._watch.explain,
        )

    def _status(self) -> dict[str, Any]:
        chosen = self.settings.collector
        unpriced = len(self._prices.unpriced_models)
        figures = {"security": self._guard.view(), "unpriced_models_total": unpriced}
        about = About(
            name=chosen.name,
            note=chosen.note,
            version=__version__,
            pid=os.getpid(),
            started_ns=self._started_ns,
            now_ns=self._clock.wall_ns(),
            address=str(self._place.address),
            state_dir=str(self._place.state_dir),
            http="" if self._http is None else str(self._http.address),
            config_files=self.config_files,
            rules=len(self._watch.alerting.manager.health()),
            problems=self.problems(),
        )
        mono_ns = self._clock.mono_ns()
        return status_document(
            about, self._storage.figures() | figures, self._pictures.ingest(), self._ledger, mono_ns
        )

    def _on_failure(self, part: str, error: BaseException) -> None:
        if part == "intake":
            self._on_crash(part, error)
        else:
            self._log.error("a request failed", method=part, exc_info=error)

    def _on_crash(self, part: str, error: BaseException) -> None:
        self.crashed.get_loop().call_soon_threadsafe(self._end, part, error)

    def _end(self, part: str, error: BaseException) -> None:
        self._log.error("a part of the collector has ended", part=part, exc_info=error)
        if not self.crashed.done():
            self.crashed.set_exception(error)
