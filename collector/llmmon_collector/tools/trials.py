"""``llmmon rules test``: unit tests for rules."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import click

from llmmon.errors import ConfigError
from llmmon_collector.config.document import Document, validate
from llmmon_collector.config.load import read_document
from llmmon_collector.config.locate import line_of
from llmmon_collector.config.suggest import nearest
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.tools.casefile import Case, CaseFile
from llmmon_collector.tools.excerpt import located
from llmmon_collector.tools.given import Subject
from llmmon_collector.tools.options import (
    EXIT_BAD,
    EXIT_USAGE,
    files_argument,
    json_option,
    say,
    say_json,
)
from llmmon_collector.tools.ruleset import RuleSet, read_rules
from llmmon_collector.tools.traffic import TooManyRequestsError
from llmmon_collector.tools.trial import run_case
from llmmon_collector.tools.verdict import Outcome, outcome_lines, outcome_object, tally


@click.command()
@files_argument
@json_option
@click.pass_context
def test(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Run tests of rules: series or traffic in, expected alerts at times out.

    Exits 0 when all pass, 1 when one fails, 2 when a file is wrong.
    """
    outcomes: list[Outcome] = []
    for file in files:
        document = Document(str(file), "")
        try:
            document = read_document(file)
            for outcome, lines in _run(document, file.parent):
                outcomes.append(outcome)
                if not as_json:
                    say("\n".join(lines))
        except ConfigError as error:
            own = error.file == document.file
            say(located(error, document.text).text(document.text) if own else str(error), err=True)
            ctx.exit(EXIT_USAGE)
    if as_json:
        passed = all(outcome.passed for outcome in outcomes)
        say_json({"passed": passed, "tests": [outcome_object(one) for one in outcomes]})
    else:
        say(tally(outcomes))
    if not all(outcome.passed for outcome in outcomes):
        ctx.exit(EXIT_BAD)


def _run(document: Document, base: Path) -> Iterator[tuple[Outcome, list[str]]]:
    tests = validate(document, CaseFile)
    sets = [one for pattern in tests.rules for one in _read(document, base, pattern)]
    subject = _subject(document, sets)
    metrics = {rule.name: rule.value for rule in subject.rules}
    for number, case in enumerate(tests.tests):
        _check_rules(document, number, case, metrics)
        try:
            mismatches = run_case(case, subject)
        except TooManyRequestsError as error:
            key = f"test[{case.name}].traffic"
            raise _error(document, ("test", number, "traffic"), key, str(error)) from None
        outcome = Outcome(document.file, case.name, mismatches)
        yield outcome, outcome_lines(outcome, metrics)


def _check_rules(document: Document, number: int, case: Case, known: Collection[str]) -> None:
    for position, expected in enumerate(case.expect):
        if expected.rule not in known:
            path = ("test", number, "expect", position, "rule")
            reason = f'there is no rule "{expected.rule}"{nearest(expected.rule, known)}'
            raise _error(document, path, f"test[{case.name}].expect.rule", reason)


def _read(document: Document, base: Path, pattern: str) -> list[RuleSet]:
    found = sorted(base.glob(pattern)) if "*" in pattern else [base / pattern]
    if not found:
        raise _error(document, ("rules",), "rules", f"no file is named {pattern!r}")
    return [read_rules(file, os.environ) for file in found]


def _subject(document: Document, sets: list[RuleSet]) -> Subject:
    """The rules of all files, and the built-in ones that they do not replace."""
    try:
        rules = effective_rules([rule for one in sets for rule in one.rules])
    except ConfigError as error:
        raise _error(document, ("rules",), "rules", error.reason) from None
    slos = [slo for one in sets for slo in one.settings.slos]
    budgets = [budget for one in sets for budget in one.settings.budgets]
    zones = [zone for one in sets if (zone := one.settings.collector.timezone)]
    return Subject(rules, slos, budgets, zones[0] if zones else "UTC")


def _error(document: Document, path: tuple[str | int, ...], key: str, reason: str) -> ConfigError:
    line = line_of(document.text, path)
    return ConfigError(reason, file=document.file, line=line, key=key)
