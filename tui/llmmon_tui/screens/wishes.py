"""What the screens ask of the application: to open something, or to go somewhere."""

from __future__ import annotations

from textual.message import Message

from llmmon_tui.view import View


class AlertWanted(Message):
    """Everything about an alert."""

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self.alert_id = alert_id


class CheckWanted(Message):
    """Everything about the health check whose row has this key."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class TraceWanted(Message):
    """The trace of a request, or a trace by its own id."""

    def __init__(self, request_id: str) -> None:
        super().__init__()
        self.request_id = request_id


class ViewWanted(Message):
    """Another view, on the screen `place` of `places.PLACES`; on this one where empty."""

    def __init__(self, view: View, place: str = "") -> None:
        super().__init__()
        self.view = view
        self.place = place


class MomentWanted(Message):
    """The picture as of an instant of the past, on the collector's clock."""

    def __init__(self, at_ns: int, place: str = "") -> None:
        super().__init__()
        self.at_ns = at_ns
        self.place = place


class CommandWanted(Message):
    """The action of a key, by its name in `keys`."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
