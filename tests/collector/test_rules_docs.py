"""The guides to rules name every key and function, and their examples do what the guides say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel
from support.rehearsal import rehearse

from llmmon.protocol.names import DIMENSIONS, FAMILIES
from llmmon_collector.alerts.model import InhibitSpec, RouteSpec, ScheduleSpec
from llmmon_collector.config.document import Document, validate
from llmmon_collector.config.parse import parse_settings
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import webhook_body
from llmmon_collector.objectives.burn import tiers
from llmmon_collector.objectives.good import FIELDS as GOOD_FIELDS
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.builtin import BUILTIN_RULES
from llmmon_collector.rules.functions import USAGE
from llmmon_collector.rules.model import RuleSpec, Threshold
from llmmon_collector.rules.state import Instance
from llmmon_collector.rules.summary import FIELDS as SUMMARY_FIELDS
from llmmon_collector.rules.view import alert_view
from llmmon_collector.tools.casefile import (
    Case,
    CaseFile,
    ExpectedAlert,
    MeasureCase,
    TrafficCase,
)
from llmmon_collector.tools.commands import rules as command

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "rules"
RULES, ALERTS, SLO, TOOLS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("rules.md", "alerts.md", "slo.md", "rule-tools.md")
)
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_EXAMPLE = re.compile(
    r"^### \d+\. .*?```toml\n(.*?)```\n.*?\(\.\./examples/rules/(\w+)_test\.toml\)",
    re.DOTALL | re.MULTILINE,
)
EXAMPLE_TEXTS = {name: text for text, name in _EXAMPLE.findall(RULES)}


def section(guide: str, title: str) -> str:
    """What is under a heading, up to the next one of its level or above."""
    level = title.index(" ")
    _, _, rest = guide.partition(f"\n{title}\n")
    assert rest, title
    return re.split(rf"\n#{{1,{level}}} ", rest)[0]


def keys(model: type[BaseModel]) -> set[str]:
    return set(model.model_json_schema(by_alias=True)["properties"])


def unnamed(names: set[str], text: str) -> set[str]:
    return {name for name in names if f"`{name}`" not in text}


@pytest.mark.parametrize(
    ("model", "title"),
    [
        (RuleSpec, "### `[[rule]]`"),
        (Threshold, "### `[[rule]]`"),
        (SloSpec, "### `[[slo]]`"),
        (BudgetSpec, "### `[[budget]]`"),
        (RouteSpec, "### `[[route]]`, `[schedules.NAME]`, `[[inhibit]]`"),
        (ScheduleSpec, "### `[[route]]`, `[schedules.NAME]`, `[[inhibit]]`"),
        (InhibitSpec, "### `[[route]]`, `[schedules.NAME]`, `[[inhibit]]`"),
    ],
)
def test_every_key_has_its_place_in_the_guide(model: type[BaseModel], title: str) -> None:
    assert unnamed(keys(model), section(RULES, title)) == set()


@pytest.mark.parametrize(
    ("model", "title"),
    [(RouteSpec, "## Routes"), (ScheduleSpec, "## Routes"), (InhibitSpec, "## Inhibition")],
)
def test_routes_schedules_and_inhibition_are_explained(model: type[BaseModel], title: str) -> None:
    assert unnamed(keys(model), section(ALERTS, title)) == set()


@pytest.mark.parametrize("model", [TrafficCase, ExpectedAlert, Case, MeasureCase])
def test_every_key_of_a_test_of_rules_is_named(model: type[BaseModel]) -> None:
    named = set(re.findall(r"`(?:\[\[test\.)?(\w+)(?:\]\])?`", TOOLS))
    written = set(re.findall(r"^(\w+) = |\[\[test\.(\w+)\]\]", TOOLS, re.MULTILINE))
    assert keys(model) - named - {name for pair in written for name in pair} == set()


@pytest.mark.parametrize("function", USAGE)
def test_every_function_is_explained_with_a_call(function: str) -> None:
    rows = [row for row in RULES.splitlines() if row.startswith("|")]
    assert any(f"`{function}(" in row.split("|")[1] for row in rows)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "requests"])
def test_every_metric_of_the_other_families_is_named(family: str) -> None:
    assert unnamed(set(FAMILIES[family]), section(RULES, "### Families of metrics")) == set()


def test_fields_and_dimensions_are_named() -> None:
    assert {name for name in SUMMARY_FIELDS if f"{{{name}}}" not in RULES} == set()
    assert unnamed(set(DIMENSIONS), section(RULES, "## The language of `where`")) == set()
    assert unnamed(set(GOOD_FIELDS), section(SLO, "## What counts for an objective")) == set()


def test_the_burn_rates_are_those_that_alert() -> None:
    names = {"page": "critical (page)", "ticket": "warning (ticket)"}
    for tier in tiers(30 * 86_400):
        row = f"| {names[tier.severity]} | `{tier.long}` | `{tier.short}` | {tier.factor:g} |"
        assert row in SLO


def test_every_built_in_rule_is_listed() -> None:
    for rule in BUILTIN_RULES:
        for severity, threshold in rule.thresholds:
            value = rule.expression(severity)
            row = f"| `{rule.name}` | {severity} | `{value}` is {threshold.comparison}"
            assert f"{row} {threshold.limit:g}" in RULES


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", ALERTS + README, re.DOTALL))
def test_what_is_written_elsewhere_is_a_configuration(text: str) -> None:
    parse_settings(Document("llmmon.toml", text))


def test_every_metric_is_listed_with_its_meaning() -> None:
    for family in FAMILIES.values():
        for name, metric in family.items():
            unit = "its own" if name == "check_value" else metric.unit
            meaning = metric.meaning.removesuffix(", in its own unit")
            assert f"| `{name}` | {unit} | {meaning} |" in METRICS


def test_there_are_ten_worked_examples_and_more_each_with_tests() -> None:
    assert len(EXAMPLE_TEXTS) == len(re.findall(r"^### \d+\. ", RULES, re.MULTILINE)) >= 10


def test_links_between_the_guides_lead_somewhere() -> None:
    for guide in (RULES, ALERTS, SLO, TOOLS):
        for target in re.findall(r"\]\(([^)#]+)", guide):
            assert (ROOT / "docs" / target).resolve().exists() or "://" in target, target


@pytest.mark.parametrize("name", EXAMPLE_TEXTS)
def test_an_example_is_its_file_and_passes_its_tests(name: str) -> None:
    assert (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8") == EXAMPLE_TEXTS[name]
    checked = CliRunner().invoke(command, ["check", "--strict", str(EXAMPLES / f"{name}.toml")])
    assert checked.exit_code == 0, checked.output
    tested = CliRunner().invoke(command, ["test", str(EXAMPLES / f"{name}_test.toml")])
    assert tested.exit_code == 0, tested.output


@pytest.mark.parametrize("name", EXAMPLE_TEXTS)
def test_each_rule_of_an_example_is_shown_to_fire_and_to_be_calm(name: str) -> None:
    settings = parse_settings(Document(name, EXAMPLE_TEXTS[name]))
    rules = {rule.name for rule in settings.rules}
    rules |= {f"slo.{slo.name}" for slo in settings.slos}
    rules |= {f"budget.{budget.name}" for budget in settings.budgets}
    expected = [one for case in cases(name) for one in case.expect]
    fires = {e.rule for e in expected if any(a.state == "firing" for a in e.alerts)}
    calm = {e.rule for e in expected if not e.alerts}
    never_fire = {"budget.research"}  # its forecast fires long before
    never_calm = {"watchdog"}
    assert rules - never_fire <= fires
    assert rules - never_calm <= calm


def cases(name: str) -> tuple[Case, ...]:
    file = EXAMPLES / f"{name}_test.toml"
    return validate(Document(str(file), file.read_text(encoding="utf-8")), CaseFile).tests


TOLD = {
    ("slow_models", 0): """
        11m30s log: firing warning slow_models route=/ask model=slow
        21m30s log: firing critical slow_models route=/ask model=slow
        36m30s log: firing critical slow_models route=/ask model=slow
        37m log: resolved critical slow_models route=/ask model=slow""",
    ("budgets", 0): """
        6h40m log: firing warning budget.models budget=models model=o1
        8h20m log: firing critical budget.models budget=models model=o1
        12h20m log: firing critical budget.models budget=models model=o1
        16h10m log: resolved critical budget.models budget=models model=o1""",
    ("chat_slo", 0): """
        3d12m pager: firing critical slo.chat service=bot slo=chat
        3d12m team: firing critical slo.chat service=bot slo=chat
        3d42m pager: firing critical slo.chat service=bot slo=chat
        3d42m team: firing critical slo.chat service=bot slo=chat""",
    ("chat_slo", 1): """
        2d40m team: firing warning slo.chat service=bot slo=chat""",
    ("silent_services", 0): """
        40m team: firing critical silent_bot
        55m team: firing critical silent_bot
        1h2m team: resolved critical silent_bot""",
    ("silent_services", 1): """
        1d6h team: firing warning evaluation
        2d10m team: resolved warning evaluation""",
    ("provider_outage", 0): """
        3m30s log: firing warning failing_models provider=up model=bad
        11m45s log: firing critical provider_down provider=down
        18m30s log: firing warning failing_models provider=up model=bad""",
    ("watchdog", 0): "".join(
        f"{minute} {name}: firing warning watchdog\n"
        for minute in ("0s", *(f"{minute}m" for minute in range(1, 21)))
        for name in ("prometheus", "deadman")
    ),
}
"""What channels are told in a test of an example, by its number."""


@pytest.mark.parametrize(("name", "number"), TOLD)
def test_channels_are_told_what_the_guide_says(name: str, number: int, tmp_path: Path) -> None:
    settings = parse_settings(Document(name, EXAMPLE_TEXTS[name]))
    messages = rehearse(settings, cases(name)[number], tmp_path / "alerts.db")
    told = [f"{one.at} {one.channel}: {', '.join(one.alerts)}" for one in messages]
    assert told == [line.strip() for line in TOLD[name, number].strip().splitlines()]


def test_the_webhook_is_as_documented() -> None:
    (documented,) = re.findall(r"```json\n(.*?)```", ALERTS, re.DOTALL)
    rule = BUILTIN_RULES[0]
    view = replace(alert_view(Alert(rule, (), Instance(), "warning"), "id"), fired_ns=1)
    sent = json.loads(webhook_body([Delivery(1, "hook", "firing", view, 1)], 1))
    expected = json.loads(documented)
    assert sent.keys() == expected.keys()
    assert sent["alerts"][0].keys() == expected["alerts"][0].keys()
