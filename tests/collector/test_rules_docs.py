"""The guide to rules names every key, and its examples are valid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from llmmon_collector.config.parse import Document, parse_settings
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import webhook_body
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.builtin import BUILTIN_RULES
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.state import Instance
from llmmon_collector.rules.view import alert_view

GUIDE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def test_every_key_of_a_rule_is_explained() -> None:
    keys = RuleSpec.model_json_schema(by_alias=True)["properties"]
    assert {key for key in keys if f"`{key}`" not in GUIDE} == set()


def test_every_built_in_rule_is_listed() -> None:
    for rule in BUILTIN_RULES:
        ((severity, threshold),) = rule.thresholds
        row = f"| `{rule.name}` | {severity} | `{rule.value}` is {threshold.comparison}"
        assert f"{row} {threshold.limit:g}" in GUIDE


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_valid(example: str) -> None:
    settings = parse_settings(Document("docs/rules.md", example))
    RuleEngine(settings.rules)


def test_there_are_three_worked_examples() -> None:
    assert len(EXAMPLES) == 3


def test_the_webhook_is_as_documented() -> None:
    (documented,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    rule = BUILTIN_RULES[0]
    view = replace(alert_view(Alert(rule, (), Instance(), "warning"), "id"), fired_ns=1)
    sent = json.loads(webhook_body([Delivery(1, "hook", "firing", view, 1)], 1))
    expected = json.loads(documented)
    assert sent.keys() == expected.keys()
    assert sent["alerts"][0].keys() == expected["alerts"][0].keys()
