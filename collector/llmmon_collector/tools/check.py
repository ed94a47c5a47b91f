"""``llmmon rules check``: whether files of rules are right, and what in them looks wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from llmmon.errors import ConfigError
from llmmon_collector.config.document import Document, toml_of
from llmmon_collector.config.load import read_document
from llmmon_collector.config.locate import line_of
from llmmon_collector.objectives.rules import BUDGET_RULE, SLO_RULE
from llmmon_collector.tools.casefile import CaseFile
from llmmon_collector.tools.describe import budget_lines, rule_lines, rule_object, slo_lines
from llmmon_collector.tools.excerpt import Located, located
from llmmon_collector.tools.options import (
    EXIT_BAD,
    files_argument,
    json_option,
    say,
    say_json,
)
from llmmon_collector.tools.ruleset import RuleSet, read_rules
from llmmon_collector.tools.suspicion import Suspicion, suspicions

_TESTS_KEYS: Final = frozenset(field.alias or name for name, field in CaseFile.model_fields.items())


@click.command()
@files_argument
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The llmmon.toml that files of rules alone belong to: its channels, checks and windows.",
)
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[Path, ...],
    config: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check files: whole configurations, or files of rules alone, as in rules_dir.

    Exits 0 when they are right, though there may be warnings, 1 when one is wrong. Files of tests
    are passed over.
    """
    reports = [_report(file, config) for file in files]
    if as_json:
        say_json({"ok": not any(one["error"] for one in reports), "files": reports})
    bad = any(one["error"] or (strict and one["warnings"]) for one in reports)
    if not as_json:
        for one in reports:
            say(_text(one), err=bool(one["error"]))
    ctx.exit(EXIT_BAD if bad else 0)


def _report(file: Path, config: Path | None) -> dict[str, Any]:
    report: dict[str, Any] = {"file": str(file), "tests": False, "error": None}
    report |= {"rules": [], "slos": [], "budgets": [], "warnings": []}
    try:
        found = read_rules(file, os.environ, config)
    except ConfigError as error:
        if _has_tests(file):
            return report | {"tests": True}
        return report | {"error": _error(error)}
    warned = suspicions(found.settings, found.rules, found.whole)
    slos, budgets = found.settings.slos, found.settings.budgets
    return report | {
        "rules": [rule_object(rule) | {"text": rule_lines(rule)} for rule in found.rules],
        "slos": [{"name": slo.name, "text": slo_lines(slo)} for slo in slos],
        "budgets": [{"name": one.name, "text": budget_lines(one)} for one in budgets],
        "warnings": [_warning(found, one) for one in warned],
    }


def _has_tests(file: Path) -> bool:
    """Whether it is one for ``llmmon rules test``, as may lie beside files of rules."""
    try:
        keys = set(toml_of(read_document(file)))
    except ConfigError:
        return False
    return "test" in keys and keys <= _TESTS_KEYS


def _error(error: ConfigError) -> dict[str, Any]:
    """The error, to the character, in whichever file it is."""
    document = Document(error.file or "", "")
    if error.file:
        try:
            document = read_document(Path(error.file))
        except ConfigError:
            return {"text": str(error), **Located(error.file, None, "", error.reason)._asdict()}
    place = located(error, document.text)
    line, column = (None, None) if place.place is None else place.place
    return {
        "file": place.file,
        "line": line,
        "column": column,
        "key": place.key,
        "reason": place.reason,
        "text": place.text(document.text),
    }


def _warning(found: RuleSet, one: Suspicion) -> dict[str, Any]:
    of_slo = one.rule.startswith(SLO_RULE)
    kind, name = ("slo", one.rule.removeprefix(SLO_RULE)) if of_slo else ("rule", one.rule)
    names = [spec.name for spec in (found.settings.slos if of_slo else found.rules)]
    place = (kind, names.index(name)) if name else ()
    path: tuple[str | int, ...] = (*place, *one.key.split("."))
    return {
        "table": f"{kind}[{name}]" if name else "",
        "rule": one.rule,
        "key": one.key,
        "line": line_of(found.document.text, path),
        "reason": one.reason,
    }


def _text(report: dict[str, Any]) -> str:
    if report["error"]:
        return str(report["error"]["text"])
    if report["tests"]:
        return f"{report['file']}: tests, not checked here: llmmon rules test runs them"
    lines = [f"{report['file']}: {_counted(report)}"]
    for kind, before in (("rules", ""), ("slos", SLO_RULE), ("budgets", BUDGET_RULE)):
        for one in report[kind]:
            lines += [f"  {before}{one['name']}", *(f"      {text}" for text in one["text"])]
    for one in report["warnings"]:
        place = ":".join(str(part) for part in (report["file"], one["line"]) if part)
        name = f"{one['table']}.{one['key']}" if one["table"] else one["key"]
        lines.append(f"warning: {place}: {name}: {one['reason']}")
    return "\n".join(lines)


def _counted(report: dict[str, Any]) -> str:
    counts = {kind: len(report[f"{kind}s"]) for kind in ("rule", "slo", "budget")}
    told = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count]
    return ", ".join(told) or "no rules"
