"""``llmmon rules backtest``: what rules would have done over what the store has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from llmmon.errors import ConfigError
from llmmon_collector.day import LocalDay
from llmmon_collector.directory import DirectoryLock
from llmmon_collector.objectives.rules import generated_rules
from llmmon_collector.past import Past, Rollups
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.catalogue import ListPrices
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.tools.fetch import FetchedRollups
from llmmon_collector.tools.host import OpenControl
from llmmon_collector.tools.options import connect_options, json_option, say, say_json
from llmmon_collector.tools.report import Backtest, backtest_lines, backtest_object
from llmmon_collector.tools.rerun import Rerun, lead_s, why_not
from llmmon_collector.tools.ruleset import read_rules
from llmmon_collector.tools.span import span_options

_QUERY_S: Final = 60.0
_MOST_SERIES: Final = 100_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@span_options
@click.option("--builtin", is_flag=True, help="Try the built-in rules too.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read a state directory that no collector uses, instead of asking one.",
)
@json_option
@connect_options
def backtest(
    file: Path,
    times: range,
    builtin: bool,
    state: Path | None,
    control: OpenControl,
    as_json: bool,
) -> None:
    """Say what the rules in FILE would have done over stored history.

    Once a minute, on the minutes that the store has: a live collector evaluates every second.
    """
    found = read_rules(file, os.environ)
    rules = effective_rules(found.rules) if builtin else found.rules
    tried = [rule for rule in rules if not rule.disabled and not why_not(rule)]
    generated = generated_rules(found.settings.slos, found.settings.budgets)
    not_tried = {rule.name: why_not(rule) for rule in (*rules, *generated) if why_not(rule)}
    with _state(state) if state else _collector(control) as kept:
        past = Past(kept, LocalDay(found.settings.collector.timezone).start_ns, _MOST_SERIES)
        known = past.known(times)
        done = _run(past, tried, times)
    told = Backtest(str(file), times, len(known), tried, done.firings(), not_tried)
    if as_json:
        say_json(backtest_object(told))
    else:
        say("\n".join(backtest_lines(told)))


def _run(past: Past, rules: Sequence[RuleSpec], times: range) -> Rerun:
    rerun = Rerun(rules, times[0])
    lead = -(-round(lead_s(rules) * 1e9) // times.step)
    moments = past.known(range(times[0] - lead * times.step, times.stop, times.step))
    windows_s = {int(rule.window_s) for rule in rules}
    with click.progressbar(length=len(moments), label="backtest", file=sys.stderr) as progress:
        for moment in past.moments(windows_s, moments) if rules and moments else ():
            rerun.step(moment)
            progress.update(1)
    return rerun


@contextmanager
def _collector(control: OpenControl) -> Iterator[Rollups]:
    with control() as collector:
        collector.call("status")  # whether anybody is there shows at once, not after a query's time

        def ask(sql: str, limit: int) -> Sequence[Sequence[Any]]:
            params = {"sql": sql, "limit": limit, "timeout_s": _QUERY_S}
            rows: Sequence[Sequence[Any]] = collector.call("query", params, more_s=_QUERY_S)["rows"]
            return rows

        yield FetchedRollups(ask)


@contextmanager
def _state(directory: Path) -> Iterator[Rollups]:
    """The store in a state directory that no collector has open."""
    path = directory / "store.duckdb"
    if not path.is_file():
        raise ConfigError(f"there is no {path.name} in {directory}", key="--state")
    lock = DirectoryLock(directory, "state")
    try:
        store = DuckStore(path, PriceBook((), ListPrices()))
        try:
            yield store
        finally:
            store.close()
    finally:
        lock.release()
