"""What the screens ask of the application: to open something, or to go somewhere."""

from __future__ import annotations

from collections.abc import Sequence

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
    """The trace of a request, or a trace by its own id.

    `among` are the requests of the list that it was chosen from, in order, to step through.
    """

    def __init__(self, request_id: str, among: Sequence[str] = ()) -> None:
        super().__init__()
        self.request_id = request_id
        self.among = tuple(among)


class ViewWanted(Message):
    """Another view, on the screen `place` of `places.PLACES`; on this one where empty.

    `order` is the order in which that screen is to show its list, one of its own names.
    """

    def __init__(self, view: View, place: str = "", order: str = "") -> None:
        super().__init__()
        self.view = view
        self.place = place
        self.order = order


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


class ExplainWanted(Message):
    """Why an alert fires."""

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self.alert_id = alert_id


class AcknowledgeWanted(Message):
    """These alerts are taken on, exactly these: they were counted and confirmed."""

    def __init__(self, alert_ids: tuple[str, ...]) -> None:
        super().__init__()
        self.alert_ids = alert_ids
