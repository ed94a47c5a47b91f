"""Batches within the protocol's bounds, whatever the rows hold."""

from typing import Any

from llmmon.config import resolve
from llmmon.packing.columns import ROW
from llmmon.packing.packer import Packer
from llmmon.protocol.wire import MAX_PAYLOAD, decode_batch


def packer(**settings: Any) -> Packer:
    return Packer(resolve({"service": "s"} | settings, {}), "p", 0.0)


def row(number: int, extra: dict[str, Any] | None = None) -> tuple[Any, ...]:
    dims = ("chat", None, "m", None, None, None)
    values = {"series": dims, "counter": number, "end_ns": 5, "latency_ms": 1.0, "extra": extra}
    return tuple(values.get(name) for name in ROW)


def test_a_batch_over_the_limit_is_halved_until_it_fits() -> None:
    rows = [row(n, {"response": f"{n} " + "é" * 60_000}) for n in range(64)]
    packed = packer(capture_content=True, scorers="none").requests(rows, {}, 0.0)
    assert len(packed) > 1
    assert sum(part.events for part in packed) == 64
    for part in packed:
        assert part.payload is not None
        assert len(part.payload) <= MAX_PAYLOAD
        assert decode_batch(part.payload, part.events).events == part.events


def test_a_row_that_cannot_be_told_costs_itself_alone() -> None:
    rows = [row(n) for n in range(100)]
    mistake: Any = ["response"]
    rows[37] = row(37, mistake)
    packed = packer().requests(rows, {}, 0.0)
    assert sum(part.events for part in packed if part.payload is not None) == 99
    assert [part.problem for part in packed if part.payload is None] == ["unencodable"]


def test_texts_leave_only_when_allowed() -> None:
    extra = {"query": "What is the capital of France?", "response": "Paris, of course."}
    for capture in (False, True):
        (part,) = packer(capture_content=capture).requests([row(1, dict(extra))], {}, 0.0)
        assert part.payload is not None
        assert (b"of course" in part.payload) is capture
        assert b"relevance" not in part.payload


def test_losses_travel_with_the_batch() -> None:
    (part,) = packer().requests([row(1)], {"queue_full": 7}, 0.0)
    assert part.payload is not None
    assert decode_batch(part.payload, 1).lost == {"queue_full": 7}


class Hostile:
    """Raises when it is read."""

    def __str__(self) -> str:
        raise RuntimeError


def test_an_id_that_cannot_be_read_costs_no_other_row() -> None:
    rows = [row(1, {"id": Hostile(), "query": "a"}), row(2, {"query": "b"})]
    (part,) = packer().requests(rows, {}, 0.0)
    assert part.events == 2
    assert part.payload is not None
