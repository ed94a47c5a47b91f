from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from support.dispatching import alert

from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import Wording, facts, group_title

ADAPTER: TypeAdapter[ChannelSpec] = TypeAdapter(ChannelSpec)


def delivery(event: Any = "firing", **changes: Any) -> Delivery:
    return Delivery(1, "c", event, alert(**changes), 1)


def wording(**templates: str) -> Wording:
    return ADAPTER.validate_python({"type": "log", **templates}).wording


def test_without_templates_there_is_a_title_and_the_facts() -> None:
    assert Wording().title_of(delivery("resolved")) == "[RESOLVED] slow (model=gpt-4o): p95 11 ms"
    text = Wording().text_of(delivery(runbook="https://example.org/r", acknowledged_by="anna"))
    assert text.splitlines() == [
        "Value: latency_p95 = 11 ms",
        "Limit: above 10 ms",
        "Worst: 11 ms",
        "Window: 5m",
        "Since: 2023-11-14T22:13:20.000Z",
        "Acknowledged by: anna",
        "model: gpt-4o",
        "Runbook: https://example.org/r",
    ]
    assert "no data" in Wording().text_of(delivery(no_data=True))


def test_a_template_says_what_it_is_told_to() -> None:
    said = wording(title="{event} {rule}: {value:.1f} > {threshold} [{labels}] {window}")
    assert said.title_of(delivery()) == "firing slow: 11.0 > 10 [model=gpt-4o] 5m"


def test_a_label_that_an_alert_lacks_is_empty_and_an_empty_line_is_left_out() -> None:
    said = wording(title="{service}{model}", text="{summary}\n{check}\nby {by}\n{runbook}")
    assert said.title_of(delivery()) == "gpt-4o"
    assert said.text_of(delivery()) == "p95 11 ms\nby "


def test_a_template_that_comes_out_empty_gives_way_to_the_default() -> None:
    said = wording(title="{service}", text="{check}")
    assert said.title_of(delivery()) == Wording().title_of(delivery())
    assert said.text_of(delivery()) == Wording().text_of(delivery())


def test_what_is_put_in_is_escaped_and_the_template_is_not() -> None:
    said = wording(title="<!here> {summary}")
    assert said.title_of(delivery(summary="a<b"), lambda text: text.replace("<", "&lt;")) == (
        "<!here> a&lt;b"
    )


@pytest.mark.parametrize(
    ("key", "template", "message"),
    [
        ("title", "{modle}", '{modle} is not a field here; did you mean "model"?'),
        ("text", "fine\n{valu}", 'did you mean "value"?'),
        ("title", "{value:zz}", "does not format it"),
        ("title", "one\ntwo", "a title is one line"),
        ("text", "{rule", "is not a template"),
    ],
)
def test_a_template_is_checked_when_it_is_loaded(key: str, template: str, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        wording(**{key: template})
    assert message in str(raised.value)


def test_many_are_counted_by_event() -> None:
    batch = [delivery(), delivery("acknowledged"), delivery("resolved"), delivery("resolved")]
    assert group_title(batch) == "Alerts: 1 firing, 1 acknowledged, 2 resolved"


def test_what_is_of_no_window_names_none() -> None:
    assert "Window" not in facts(delivery(window_s=0))
