"""What a peer may send, through journal, windows, store, snapshot and query: nobody is harmed."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import pytest
from support.frames import batch_frames
from support.hostile import (
    AGENT,
    AHEAD_NS,
    ATTACKS,
    Attack,
    columns_payload,
    malformed_frames,
    request_payload,
)
from support.intake import Intake
from support.live import NOW_NS, row

from llmmon.protocol.codec import MAX_COUNT
from llmmon.protocol.event import MAX_EVENTS
from llmmon.protocol.wire import Message, encode_series

PARTS = 6
TABLES = ("requests", "spans", "logs", "scores", "rollups", "agents")


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    made = Intake(tmp_path)
    yield made
    made.close()


def _polite(intake: Intake) -> tuple[int, int]:
    """Requests of everybody but the hostile agent, and their input tokens."""
    [(count, tokens)] = intake.query(
        f"SELECT count(*), sum(input_tokens) FROM requests WHERE agent_id != '{AGENT.hex()}'"
    )
    return count, tokens


def _check(intake: Intake) -> None:
    """Pictures are sane, everything can be read, and a polite agent's event is there once."""
    for by in ("model", "service"):
        for view in intake.picture(by).windows:
            for metrics in (view.total, *(group.metrics for group in view.groups)):
                told = [value for value in metrics.values() if value is not None]
                assert all(map(isfinite, told))
                assert metrics["requests"] >= 0
                assert metrics["cost_usd"] is None or metrics["cost_usd"] >= 0
    for table in TABLES:
        intake.query(f"SELECT * FROM {table}")
    assert _polite(intake) == (1, 7)
    assert intake.folder.problem == ""


@pytest.mark.parametrize("part", range(PARTS))
def test_attacks_each_in_a_group_with_a_polite_batch(intake: Intake, part: int) -> None:
    attacks = ATTACKS[part::PARTS]
    polite = batch_frames(1, [row(input_tokens=7)])
    for epoch, attack in enumerate(attacks, 2):
        refused = intake.session.rejected
        over = {} if "epoch" in attack.header else {"epoch": epoch}
        answers = intake.send(attack.frames(**over), polite)
        assert 1 in {a.header.seq for a in answers if a.header.agent_id != AGENT}
        assert (intake.session.rejected > refused) is not attack.decodes, attack.name
    assert intake.dead.count == intake.session.rejected
    totals = intake.ledger.totals(intake.clock.mono_ns())
    _check(intake)
    intake.restart()
    _check(intake)
    again = intake.ledger.totals(intake.clock.mono_ns())
    assert (again.stored, again.lost) == (totals.stored, totals.lost)


def test_what_is_no_message_is_counted_and_put_aside(intake: Intake) -> None:
    messages = [frames for _, frames in malformed_frames()]
    answers = intake.send(*messages, batch_frames(1, [row(input_tokens=7)]))
    assert [answer.message for answer in answers] == [Message.NACK, Message.ACK]
    assert intake.session.rejected == len(messages)
    _check(intake)


def test_many_liars_add_up_to_what_can_still_be_told(intake: Intake) -> None:
    payload = request_payload(2, "c", 1)
    for epoch in range(200):
        lie = Attack("offset", payload, {"first_event": MAX_COUNT - 1})
        intake.send(lie.frames(epoch=epoch))
    intake.send(batch_frames(1, [row(input_tokens=7)]))
    _check(intake)
    intake.restart()
    _check(intake)


def test_an_offset_that_jumps_to_and_fro_is_not_lost_over_and_over(intake: Intake) -> None:
    payload = request_payload(2, "c", 1)
    for seq in range(1, 101):
        header = {"first_event": 2**47 if seq % 2 else 0, "seq": seq, "base_seq": seq}
        intake.send(Attack("jump", payload, header).frames())
    intake.send(batch_frames(1, [row(input_tokens=7)]))
    _check(intake)
    totals = intake.ledger.totals(intake.clock.mono_ns())
    assert sum(totals.lost.values()) <= 2**47
    [(stored, lost)] = intake.query(
        f"SELECT stored, lost FROM agents WHERE agent_id = '{AGENT.hex()}'"
    )
    assert (stored, lost) == (100, sum(totals.lost.values()))


def test_costs_that_no_sum_can_hold_harm_no_sum(intake: Intake) -> None:
    count = 3
    for start_ns in (NOW_NS - 10**9, AHEAD_NS):
        columns = {"cost_pico_usd": [2**62] * count, "start_ns": [start_ns] * count}
        epoch = start_ns
        attack = Attack("costs", columns_payload(columns), {"events": count})
        intake.send(attack.frames(epoch=epoch))
    intake.send(batch_frames(1, [row(input_tokens=7)]))
    _check(intake)


def test_series_over_the_limit_share_one(tmp_path: Path) -> None:
    intake = Intake(tmp_path, max_series=10)
    intake.send(batch_frames(1, [row(input_tokens=7)]))
    keys = [encode_series([f"svc-{i}", *["v"] * 7]) for i in range(MAX_EVENTS)]
    columns = {"series": list(range(MAX_EVENTS))}
    header = {"events": MAX_EVENTS}
    intake.send(Attack("bomb", columns_payload(columns, keys=keys), header).frames())
    _check(intake)
    picture = intake.picture("service")
    assert picture.ingest.series <= 10
    assert picture.ingest.overflowed_series > 0
    services = {group.labels["service"]: group.metrics for group in picture.windows[0].groups}
    assert services["svc"]["requests"] == 1
    assert services["__other__"]["requests"] >= MAX_EVENTS - 10
    [(stored,)] = intake.query("SELECT count(DISTINCT service) FROM requests")
    assert stored == MAX_EVENTS + 1
    intake.close()
