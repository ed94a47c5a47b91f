"""What the control socket can be asked: sound questions are answered, others told what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.batches import body
from support.frames import batch_frames, series_key
from support.live import NOW_NS, PRICES, SECOND, WINDOWS_S, new_live, row, utc_midnight

from llmmon.errors import ConfigError, ControlError
from llmmon.protocol.control import METHODS, decode_reply, encode_result
from llmmon.protocol.event import Kind
from llmmon.protocol.segment import encode_body
from llmmon.protocol.snapshot import decode_snapshot
from llmmon.protocol.wire import decode_batch, decode_message
from llmmon_collector.alerts.manager import AlertManager, Start
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.clock import ManualClock
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.control.alerts import AlertDesk
from llmmon_collector.control.methods import Backend, Methods
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.metrics import Sources
from llmmon_collector.pictures import Contributions, Pictures
from llmmon_collector.retrospect import Present, Retrospect, desk
from llmmon_collector.rules.builtin import BUILTIN_RULES
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.snapshots import Identity
from llmmon_collector.storage import Storage

ALERT = "llmmon:1"
QUIET = [rule.model_copy(update={"disabled": True}) for rule in BUILTIN_RULES]
FAILING = RuleSpec.model_validate({"name": "failing", "value": "errors", "warning": {"above": 0}})


class Rig:
    """The methods over real windows, a real store and a real journal."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(NOW_NS)
        self.live = new_live()
        settings = CollectorSettings(sync=False)
        self.storage = Storage(directory, PRICES, self.clock, settings, lambda _: None)
        self.storage.folder.start()
        self.manager = AlertManager(
            Policy((*QUIET, FAILING)), directory / "alerts.db", Start(1.0, NOW_NS), lambda *_: None
        )
        self.config_error: ConfigError | None = None
        pictures = Pictures(
            self.live,
            Ledger(),
            self.clock,
            lambda: Identity("c", "", NOW_NS),
            Contributions(tuple, tuple, tuple, tuple, int, tuple, lambda: None),
        )
        pictures.advance()
        self.pictures = pictures
        self._methods = Methods(
            Backend(
                live=self.live,
                refresh=pictures.refresh,
                snapshot=pictures.snapshot,
                past=desk(
                    Retrospect(self.storage.store, utc_midnight, 100),
                    self._present,
                    self.clock.wall_ns,
                ),
                status=lambda: {"name": "c"},
                query=self.storage.store.query,
                folded=self.storage.folded,
                alerts=AlertDesk(
                    acknowledge=lambda id_, by, note: self.manager.acknowledge(
                        id_, by, note, NOW_NS
                    ),
                    silence=lambda order: self.manager.silence(order, NOW_NS),
                    end_silence=lambda id_: self.manager.end_silence(id_, NOW_NS),
                    silences=self.manager.silences,
                    transitions=self.manager.transitions,
                    wall_ns=self.clock.wall_ns,
                ),
                reload=self._reload,
                explain=lambda name, labels: {"rule": name, "groups": [dict(labels)]},
            )
        ).table()
        self._seq = 0

    def send(self, *rows: Mapping[str, Any], **dimensions: str | None) -> None:
        """One batch, committed and counted."""
        self._seq += 1
        frames = batch_frames(self._seq, rows, **dimensions)
        self.storage.journal.append([encode_body(self.clock.wall_ns(), frames)])
        envelope = decode_message(frames)
        batch = decode_batch(envelope.payload, envelope.header.events)
        self.live.add([batch], self.clock.wall_ns())

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer as it arrives at the other end of the socket."""
        return decode_reply(encode_result(1, await self._methods[method](**params)))[1]

    def names(self) -> set[str]:
        return set(self._methods)

    def fire(self) -> str:
        """Have a rule's alert fire; its id."""
        self.send(row(error="timeout"))
        self.pictures.advance()
        self.manager.tick(Sources(self.live.table), 2.0, self.clock.wall_ns())
        (view,) = self.manager.views(self.clock.wall_ns())
        return view.id

    def _present(self) -> Present:
        silences = self.manager.silences()
        return Present(Identity("c", "", NOW_NS), (), self.pictures.ingest(), silences, {})

    async def _reload(self) -> dict[str, Any]:
        if self.config_error is not None:
            raise self.config_error
        return {"rules": 2, "problems": []}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.manager.close(3.0, NOW_NS)
    rig.storage.close()


async def refused(rig: Rig, method: str, code: str, **params: Any) -> str:
    """Why it is refused."""
    with pytest.raises(ControlError) as raised:
        await rig.ask(method, **params)
    assert raised.value.code == code
    return raised.value.reason


def test_every_method_of_the_contract_is_there(rig: Rig) -> None:
    assert rig.names() == set(METHODS)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("metrics", {"by": ["colour"]}),
        ("metrics", {"by": "model"}),
        ("metrics", {"by": ["model"] * 7}),
        ("metrics", {"by": [], "window_s": "five minutes"}),
        ("metrics", {}),
        ("history", {"points": 0}),
        ("history", {"points": 2001}),
        ("history", {"end_ns": -1}),
        ("history", {"end_ns": 10**30}),
        ("history", {"where": {"colour": "red"}}),
        ("history", {"where": {"model": "x" * 257}}),
        ("requests", {"limit": 0}),
        ("requests", {"limit": 1001}),
        ("requests", {"where": {"model": 3}}),
        ("requests", {"since_ns": "yesterday"}),
        ("requests", {"until_ns": -1}),
        ("snapshot", {"at_ns": "yesterday"}),
        ("snapshot", {"windows_s": []}),
        ("trace", {"id": "x" * 257}),
        ("trace", {}),
        ("query", {"sql": ""}),
        ("query", {"sql": "x" * 60_001}),
        ("query", {"sql": "SELECT 1", "limit": 100_001}),
        ("query", {"sql": "SELECT 1", "timeout_s": 61}),
        ("query", {"sql": "SELECT 1", "timeout_s": float("nan")}),
        ("acknowledge", {"by": "me"}),
        ("acknowledge", {"alert_id": ALERT, "note": "x" * 257}),
        ("silence", {"matchers": {}, "duration_s": 60}),
        ("silence", {"matchers": {"rule": "r"}, "duration_s": 0}),
        ("silence", {"matchers": {"rule": "r"}, "duration_s": 31 * 86_400}),
        ("silence", {"matchers": {"rule": "r"}}),
        ("silence", {"matchers": {"rule": "r"}, "duration_s": 60, "delay_s": -1}),
        ("silence", {"matchers": {"rule": "r"}, "duration_s": 60, "starts_ns": 1.5}),
        ("end_silence", {}),
        ("transitions", {"limit": 1001}),
        ("transitions", {"after_seq": -1}),
        ("status", {"extra": 1}),
        ("reload", {"force": True}),
    ],
)
async def test_parameters_are_checked(rig: Rig, method: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await rig.ask(method, **params)


@pytest.mark.parametrize("method", ["metrics", "history"])
async def test_a_window_that_is_not_kept_is_refused_with_those_that_are(
    rig: Rig, method: str
) -> None:
    params = {"by": []} if method == "metrics" else {}
    reason = await refused(rig, method, "bad_request", window_s=61, **params)
    assert reason == "window_s: 61 is not one of 60, 300, 3600, 86400"


async def test_snapshots(rig: Rig) -> None:
    rig.send(row())
    rig.pictures.advance()
    assert decode_snapshot(await rig.ask("snapshot")).by == "model"
    snapshot = decode_snapshot(await rig.ask("snapshot", by="route"))
    assert (snapshot.by, snapshot.window(60).total["requests"]) == ("route", 1)
    assert "by: 'user' is not one of model, " in await refused(
        rig, "snapshot", "bad_request", by="user"
    )


async def test_a_snapshot_of_the_past(rig: Rig) -> None:
    rig.send(row(), row(error="timeout"))
    rig.clock.advance(86_400 * 3)
    told = decode_snapshot(await rig.ask("snapshot", at_ns=NOW_NS))
    assert (told.seq, told.at_ns) == (0, NOW_NS)
    assert [view.window_s for view in told.windows] == list(WINDOWS_S)
    assert told.window(60).total["requests"] == 2
    assert [group.labels["model"] for group in told.window(60).groups] == ["gpt-4o"]
    assert decode_snapshot(await rig.ask("snapshot")).window(60).total["requests"] == 0
    ahead_ns = rig.clock.wall_ns() + 1
    reason = await refused(rig, "snapshot", "bad_request", at_ns=ahead_ns)
    assert reason == f"at_ns: {ahead_ns} is in the future"


@pytest.mark.parametrize("at_ns", [None, NOW_NS])
async def test_a_snapshot_of_some_windows(rig: Rig, at_ns: int | None) -> None:
    rig.send(row())
    told = decode_snapshot(await rig.ask("snapshot", at_ns=at_ns, windows_s=[3600, 60]))
    assert [view.window_s for view in told.windows] == [60, 3600]
    reason = await refused(rig, "snapshot", "bad_request", at_ns=at_ns, windows_s=[61])
    assert reason == "window_s: 61 is not one of 60, 300, 3600, 86400"


async def test_history_that_memory_has_forgotten_comes_from_the_store(rig: Rig) -> None:
    rig.send(row(), row(error="timeout"))
    rig.send(row(), model="m")
    rig.clock.advance(86_400 * 3)
    params: dict[str, Any] = {"window_s": 300, "points": 5, "end_ns": NOW_NS + 60 * SECOND}
    told = await rig.ask("history", **params)
    assert (told["start_ns"], told["step_ns"]) == (NOW_NS - 180 * SECOND, 60 * SECOND)
    metrics = told["metrics"]
    assert metrics["requests"] == [None, None, 3.0, 0.0, 0.0]
    assert metrics["latency_p95"] == [None, None, pytest.approx(100, rel=0.01), None, None]
    of_model = await rig.ask("history", **params, where={"model": "m"})
    assert of_model["metrics"]["requests"] == [None, None, 1.0, 0.0, 0.0]


async def test_metrics_count_what_came_since_the_last_tick(rig: Rig) -> None:
    rig.send(row(), row(error="timeout"))
    rig.send(row(), model="m")
    told = await rig.ask("metrics", window_s=60, by=["provider", "model"])
    assert (told["at_ns"], told["window_s"], told["total"]["requests"]) == (NOW_NS, 60, 3)
    assert {s["model"]: s["errors"] for s in told["series"]} == {"gpt-4o": 1, "m": 0}
    assert {s["provider"] for s in told["series"]} == {"openai"}


async def test_metrics_of_the_whole_have_no_series(rig: Rig) -> None:
    rig.send(row())
    told = await rig.ask("metrics", by=[])
    assert (told["window_s"], told["series"], told["total"]["requests"]) == (300, [], 1)
    assert told["total"]["ttft_p95"] is None


async def test_series_that_are_idle_in_the_window_are_left_out(rig: Rig) -> None:
    rig.send(row())
    rig.clock.advance(120)
    rig.send(row(age_s=-119), model="m")
    short = await rig.ask("metrics", window_s=60, by=["model"])
    long = await rig.ask("metrics", window_s=300, by=["model"])
    assert [s["model"] for s in short["series"]] == ["m"]
    assert {s["model"] for s in long["series"]} == {"m", "gpt-4o"}


async def test_history_has_none_where_there_is_nothing_to_tell(rig: Rig) -> None:
    rig.clock.advance(20)
    rig.send(row(age_s=-18, latency_ms=500.0))
    told = await rig.ask("history", window_s=60, points=12)
    metrics = told["metrics"]
    assert told["step_ns"] == 5 * SECOND
    assert told["start_ns"] + 12 * told["step_ns"] > NOW_NS + 20 * SECOND
    assert metrics["requests"] == [None] * 7 + [0.0, 0.0, 0.0, 1.0, 0.0]
    assert metrics["latency_p95"][:10] == [None] * 10
    assert metrics["latency_p95"][10] == pytest.approx(500, rel=0.01)


async def test_history_of_some_series(rig: Rig) -> None:
    rig.send(row(0.1), row(0.1))
    rig.send(row(0.1), model="m", route="/b")

    async def requests(**where: str) -> float:
        told = await rig.ask("history", window_s=60, points=1, where=where)
        (count,) = told["metrics"]["requests"]
        return float(count)

    assert await requests() == 3
    assert await requests(model="m") == 1
    assert await requests(model="m", route="/ask") == 0
    assert await requests(model="unheard") == 0


@pytest.mark.parametrize("end_ns", [0, NOW_NS - 10**15, 2**62 - 1])
async def test_history_of_another_time_is_unknown(rig: Rig, end_ns: int) -> None:
    rig.send(row())
    told = await rig.ask("history", window_s=300, points=5, end_ns=end_ns)
    assert told["metrics"]["requests"] == [None] * 5


async def listed(rig: Rig, **params: Any) -> list[str]:
    return [request["id"] for request in await rig.ask("requests", **params)]


@pytest.fixture
async def filled(rig: Rig) -> Rig:
    """A store with a fast, a slow and two failed requests."""
    rig.send(row(10, id="fast", latency_ms=1.0), row(9, id="slow", latency_ms=9000.0))
    rig.send(row(8, id="failed", error="timeout", trace_id="t1"), model="m")
    rig.send(row(7, id="failed too", error="rate_limit", trace_id="t1"), model="m", route=None)
    await rig.storage.folded()
    return rig


async def test_requests_all_errors_and_slow(filled: Rig) -> None:
    assert await listed(filled) == ["failed too", "failed", "slow", "fast"]
    assert await listed(filled, only="errors") == ["failed too", "failed"]
    assert await listed(filled, only="slow", limit=1) == ["slow"]
    reason = await refused(filled, "requests", "bad_request", only="best")
    assert reason == "only: 'best' is not one of all, errors, slow"


async def test_requests_of_some_series_and_since(filled: Rig) -> None:
    assert await listed(filled, where={"model": "m"}) == ["failed too", "failed"]
    assert await listed(filled, where={"model": "m", "route": ""}) == ["failed too"]
    assert await listed(filled, since_ns=NOW_NS - 8 * SECOND) == ["failed too", "failed"]
    assert await listed(filled, where={}, since_ns=NOW_NS) == []
    assert await listed(filled, until_ns=NOW_NS - 7 * SECOND) == ["failed", "fast"]
    assert await listed(filled, until_ns=NOW_NS - 10 * SECOND) == []


async def test_a_request_is_told_with_plain_values(filled: Rig) -> None:
    (told,) = await filled.ask("requests", limit=1, only="slow")
    assert told["time_ns"] == NOW_NS
    assert (told["latency_ms"], told["error"], told["cost_usd"]) == (9000.0, None, None)


@pytest.fixture
async def traced(rig: Rig) -> Rig:
    """A store with one trace of two requests, a span, a log line and a score."""
    requests = [
        {"series": 0, "start_ns": NOW_NS, "id": "r1", "trace_id": "t1"},
        {"series": 0, "start_ns": NOW_NS + 1, "id": "r2", "trace_id": "t1"},
        {"series": 0, "start_ns": NOW_NS + 2, "counter": 255},
    ]
    others = {
        Kind.SPAN: [{"id": "s1", "trace_id": "t1", "name": "retrieve", "start_ns": NOW_NS}],
        Kind.LOG: [{"time_ns": NOW_NS + 5, "message": "hello", "request_id": "r2"}],
        Kind.SCORE: [{"request_id": "r1", "name": "thumb", "value": 0.5, "time_ns": NOW_NS}],
    }
    rig.storage.journal.append([body(requests, keys=[series_key()], others=others)])
    return rig


@pytest.mark.parametrize("wanted", ["t1", "r1", "r2"])
async def test_a_trace_by_its_id_and_by_a_request(traced: Rig, wanted: str) -> None:
    told = await traced.ask("trace", id=wanted)
    assert [request["id"] for request in told["requests"]] == ["r1", "r2"]
    assert [span["name"] for span in told["spans"]] == ["retrieve"]
    assert [(log["message"], log["time_ns"]) for log in told["logs"]] == [("hello", NOW_NS + 5)]
    assert [score["value"] for score in told["scores"]] == [0.5]


async def test_a_request_without_a_trace(traced: Rig) -> None:
    told = await traced.ask("trace", id="a1b2-ff")
    assert [request["id"] for request in told["requests"]] == ["a1b2-ff"]
    assert told["spans"] == told["logs"] == told["scores"] == []


async def test_what_is_not_stored_is_not_found(traced: Rig) -> None:
    reason = await refused(traced, "trace", "not_found", id="x' OR '1'='1")
    assert reason == """no request or trace "x' OR '1'='1" is stored"""


async def test_a_query_sees_what_was_committed_before_it(rig: Rig) -> None:
    rig.send(row(), row(input_tokens=1000, output_tokens=0))
    told = await rig.ask("query", sql="SELECT count(*) AS n, sum(cost_usd) AS usd FROM requests")
    assert told == {"columns": ["n", "usd"], "rows": [[2, 0.0025]], "truncated": False}


async def test_query_results_are_plain(rig: Rig) -> None:
    sql = (
        "SELECT 1.25::DECIMAL(10, 2), '2026-11-24 06:00:00'::TIMESTAMP, 'ab'::BLOB, "
        "170141183460469231731687303715884105727::HUGEINT, NULL, [DATE '2026-11-24'], {'a': 1.5}"
    )
    (values,) = (await rig.ask("query", sql=sql))["rows"]
    assert values == [
        1.25,
        "2026-11-24T06:00:00",
        "6162",
        str(2**127 - 1),
        None,
        ["2026-11-24"],
        {"a": 1.5},
    ]


async def test_a_query_stops_at_its_limit(rig: Rig) -> None:
    told = await rig.ask("query", sql="SELECT range FROM range(10)", limit=3)
    assert (told["rows"], told["truncated"]) == ([[0], [1], [2]], True)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nonsense", "nonsense"),
        ("DELETE FROM requests", "DELETE statement: expected SELECT"),
        ("SELECT 1; SELECT 2", "2 statements, expected one"),
        ("SELECT * FROM '/etc/passwd'", "passwd"),
    ],
)
async def test_a_query_that_is_refused_says_why(rig: Rig, sql: str, told: str) -> None:
    assert told in await refused(rig, "query", "bad_request", sql=sql)


async def test_a_query_that_takes_too_long_is_stopped(rig: Rig) -> None:
    sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    reason = await refused(rig, "query", "timeout", sql=sql, timeout_s=0.05)
    assert reason == "the query took over 0.05 s"


async def test_status(rig: Rig) -> None:
    assert await rig.ask("status") == {"name": "c"}


async def test_acknowledging(rig: Rig) -> None:
    id_ = rig.fire()
    assert await rig.ask("acknowledge", alert_id=id_, by="ada", note="on it") == {}
    assert await rig.ask("acknowledge", alert_id=id_) == {}
    rows = await rig.ask("transitions")
    assert [(row["seq"], row["reason"], row["by"]) for row in rows] == [
        (1, "firing", ""),
        (2, "acknowledged", "ada"),
        (3, "acknowledged", ""),
    ]
    reason = await refused(rig, "acknowledge", "not_found", alert_id="llmmon:2")
    assert reason == "no active alert 'llmmon:2'"


async def test_silences_are_listed_with_their_state_and_can_be_ended(rig: Rig) -> None:
    matchers = {"rule": "high_*", "model": "gpt-4o"}
    told = await rig.ask("silence", matchers=matchers, duration_s=60, by="ada", comment="deploy")
    later = await rig.ask("silence", matchers={"rule": "r"}, duration_s=60, delay_s=600)
    at = await rig.ask(
        "silence", matchers={"rule": "s"}, duration_s=9, starts_ns=NOW_NS + 900 * SECOND
    )
    first, second, third = await rig.ask("silences")
    assert first == {
        "id": told["id"],
        "matchers": matchers,
        "starts_ns": NOW_NS,
        "ends_ns": NOW_NS + 60 * SECOND,
        "by": "ada",
        "comment": "deploy",
        "state": "active",
    }
    assert (second["id"], second["state"]) == (later["id"], "pending")
    assert second["starts_ns"] == NOW_NS + 600 * SECOND
    assert (third["id"], third["ends_ns"]) == (at["id"], NOW_NS + 909 * SECOND)
    assert await rig.ask("end_silence", id=told["id"], by="bob") == {}
    assert (await rig.ask("silences"))[0]["state"] == "expired"
    assert await refused(rig, "end_silence", "not_found", id="x") == "no silence 'x'"


async def test_a_silence_that_may_not_be_says_why(rig: Rig) -> None:
    params: dict[str, Any] = {"matchers": {"rule": "r", "colour": "red"}, "duration_s": 60}
    reason = await refused(rig, "silence", "bad_request", **params)
    assert reason.startswith("'colour' cannot be matched: use one of rule, severity, service, ")
    assert await rig.ask("silences") == []


async def test_transitions_can_be_read_on(rig: Rig) -> None:
    id_ = rig.fire()
    for _ in range(3):
        await rig.ask("acknowledge", alert_id=id_)
    newest = await rig.ask("transitions", limit=2)
    assert [row["seq"] for row in newest] == [3, 4]
    first = await rig.ask("transitions", after_seq=0, limit=2)
    assert [(row["seq"], row["alert_id"]) for row in first] == [(1, id_), (2, id_)]
    rest = await rig.ask("transitions", after_seq=first[-1]["seq"])
    assert [row["seq"] for row in rest] == [3, 4]
    assert await rig.ask("transitions", after_seq=4) == []


async def test_reloading(rig: Rig) -> None:
    assert await rig.ask("reload") == {"rules": 2, "problems": []}
    rig.config_error = ConfigError("unknown key", file="a.toml", line=3, key="rule[0].x")
    assert await refused(rig, "reload", "failed") == "a.toml:3: rule[0].x: unknown key"


async def test_every_window_can_be_asked_for(rig: Rig) -> None:
    rig.send(row())
    for window_s in WINDOWS_S:
        told = await rig.ask("metrics", window_s=window_s, by=["model"])
        assert told["total"]["requests"] == 1
        assert await rig.ask("history", window_s=window_s)
