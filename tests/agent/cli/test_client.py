from __future__ import annotations

import threading
from typing import Any

import pytest

from llmmon.cli.client import ControlClient, Subscriber
from llmmon.errors import ControlError, UnreachableError
from llmmon.protocol.endpoint import Address


def test_nobody_there_is_unreachable_and_names_the_address(address: Address) -> None:
    with (
        ControlClient(address, timeout_s=0.05) as control,
        pytest.raises(UnreachableError, match=address.text),
    ):
        control.call("status")


def test_a_late_answer_does_not_reach_the_next_question(collector: Any) -> None:
    release = threading.Event()

    def slow(_params: dict[str, Any]) -> str:
        release.wait(10)
        return "late"

    collector.methods["slow"] = slow
    with ControlClient(collector.address, timeout_s=0.05) as control:
        with pytest.raises(UnreachableError):
            control.call("slow")
        release.set()
        assert control.call("status", more_s=10)["name"] == "test"


def test_a_refusal_carries_its_code(collector: Any) -> None:
    with (
        ControlClient(collector.address) as control,
        pytest.raises(ControlError, match="nonsense") as caught,
    ):
        control.call("query", {"sql": "nonsense"})
    assert caught.value.code == "bad_request"


def test_one_client_asks_again_after_a_refusal(collector: Any) -> None:
    with ControlClient(collector.address) as control:
        with pytest.raises(ControlError):
            control.call("query", {"sql": "nonsense"})
        assert control.call("silence") == {"id": "s1"}


def test_a_subscriber_gets_its_topics_only(collector: Any) -> None:
    collector.publish("snapshot.route", 1)
    collector.publish("snapshot.model", 2)
    with Subscriber(collector.address, ["snapshot.model"]) as feed:
        message = feed.receive(10)
    assert message is not None
    assert message[0] == "snapshot.model"


def test_a_silent_feed_gives_none(collector: Any) -> None:
    with Subscriber(collector.address, ["snapshot.model"]) as feed:
        assert feed.receive(0.01) is None
