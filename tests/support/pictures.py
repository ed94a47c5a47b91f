"""Pictures for tests of the panels: what a model shows after this snapshot and that history."""

from __future__ import annotations

from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.history import parse_history
from llmmon_tui.model import Model, Picture
from llmmon_tui.rows import parse_rows
from llmmon_tui.view import View
from support.snapshots import AT_NS
from support.viewer_data import history, request_rows

ADDRESS = "tcp://collector:5557"


def model_of(snapshot: Snapshot | None, view: View | None = None, *, rows: bool = True) -> Model:
    """A model that has taken ``snapshot`` at its own instant, with requests where ``rows``."""
    model = Model(ADDRESS, view or View())
    if snapshot is not None:
        model.arrive(snapshot, 0, snapshot.at_ns)
        params = model.history_request(snapshot.at_ns)
        if params is not None:
            told = parse_history(
                model.view.window_s, history({**params, "points": 100}), snapshot.at_ns
            )
            model.set_history(told, model.view.where, snapshot.at_ns)
    if rows:
        model.add_rows(parse_rows(request_rows()))
    return model


def picture_of(
    snapshot: Snapshot | None, view: View | None = None, *, after_s: float = 0.0, rows: bool = True
) -> Picture:
    """What is shown ``after_s`` seconds after the snapshot's instant."""
    return model_of(snapshot, view, rows=rows).picture(AT_NS + int(after_s * 1e9))
