"""The model's memory is flat: half a day in a few seconds. The whole app's runs with the faults."""

import gc
import itertools
import tracemalloc

from support.snapshots import AT_NS
from support.twelve_hours import SECOND_NS, snapshot
from support.viewer_data import history, request_row

from llmmon_tui.history import parse_history
from llmmon_tui.model import Model
from llmmon_tui.rows import parse_rows
from llmmon_tui.view import View

HOURS, STEPS_AN_HOUR = 12, 120
STEP_NS = 3600 // STEPS_AN_HOUR * SECOND_NS
GROWN_BYTES = 300_000
WINDOWS_S = (300, 3600, 60, 86_400)


def step(model, number, arrive):
    """A snapshot, requests, every now and then a history, a pause, another window, a lost link."""
    now_ns = AT_NS + number * STEP_NS
    arrive(snapshot(10_000 + number, now_ns), 0, now_ns)
    rows = [request_row(n, id=f"{number}-{n}", time_ns=now_ns) for n in range(10)]
    model.add_rows(parse_rows(rows), sampled_out=3)
    params = model.history_request(now_ns)
    if params is not None:
        told = history({**params, "points": 90, "end_ns": now_ns})
        model.set_history(parse_history(params["window_s"], told, now_ns), {}, now_ns)
    if number % 7 == 0:
        model.toggle_pause(now_ns)
    if number % 11 == 0:
        model.choose(View(WINDOWS_S[number % 4], "model", filter=f"model-{number}"))
    if number % 13 == 0:
        model.lose(f"no answer {number}", number, now_ns)
    return model.picture(now_ns)


def bytes_by_hour(sabotage=False):
    """What Python's objects take after each hour."""
    model, numbers = Model("ipc:///run/llmmon", View(300, "model")), itertools.count()
    kept = []

    def arrive_and_keep(one, *arguments):
        kept.append(one)
        model.arrive(one, *arguments)

    arrive = arrive_and_keep if sabotage else model.arrive
    taken = []
    tracemalloc.start()
    try:
        for _ in range(HOURS):
            for number in itertools.islice(numbers, STEPS_AN_HOUR):
                step(model, number, arrive)
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return taken


def test_memory_is_flat():
    taken = bytes_by_hour()
    assert max(taken[2:]) - taken[1] < GROWN_BYTES, taken


def test_control_what_keeps_every_snapshot_is_found_out():
    taken = bytes_by_hour(sabotage=True)
    assert taken[-1] - taken[1] > 10 * GROWN_BYTES, taken
