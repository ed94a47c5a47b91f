"""``llmmon replay``: a recorded trace, sent as real requests through a real agent."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

import llmmon
from llmmon.cli.client import ControlClient
from llmmon.cli.commands import EXIT_BAD
from llmmon.cli.files import read_lines
from llmmon.cli.options import connect_option, json_option
from llmmon.cli.tables import json_text, plain
from llmmon.demo.recording import record_fields
from llmmon.demo.replay import Outcome, RealPace, Throttle, replay_rows
from llmmon.demo.trace import TraceReader
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.results import Stats

VERSION: Final = 1
_FLUSH_S: Final = 60.0


class Source(NamedTuple):
    """What to replay, and as whose."""

    file: Path
    limit: int | None
    defaults: dict[str, str]
    """Fields of rows that do not tell them."""


def _speed(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    if value == "max":
        return None
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise click.BadParameter(f"{value!r}: expected a number above 0, or max", ctx, param)
    return speed


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--speed",
    default="1",
    show_default=True,
    callback=_speed,
    help="Times faster than the trace, or max: as fast as the collector takes it.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@json_option
@click.option("--service", default="replay", show_default=True)
@click.option("--provider", help="Of rows that name none.")
@click.option("--model", help="Of rows that name none.")
@connect_option
def replay(address: Address, keys: CurveKeys | None, as_json: bool, **options: Any) -> None:
    """Send a CSV or JSON-lines trace (or its .gz) through the agent, row by row.

    Columns are known by name: t (seconds), input_tokens, output_tokens, cached_tokens,
    end_to_end_latency_s or latency_ms, ttft_s, error_code, provider, model, operation, route,
    user_id and more; others are ignored and named. Exit 1 when an event was lost.
    """
    given = {"provider": options["provider"], "model": options["model"]}
    defaults = {name: value for name, value in given.items() if value is not None}
    source = Source(options["file"], options["limit"], defaults)
    if keys is None:
        with ControlClient(address) as control:
            control.call("status")
    own = {} if keys is None else keys._asdict()
    llmmon.init(service=options["service"], environment="replay", endpoint=address.text, **own)
    report = run(source, options["speed"], address)
    for row in report["bad_rows"]:
        click.echo(plain(row), err=True)
    click.echo(json_text(report, indent=2) if as_json else report_text(report))
    if report["sent"] == 0:
        raise click.UsageError(f"{source.file}: no row that can be read")
    if report["acknowledged"] < report["sent"]:
        click.get_current_context().exit(EXIT_BAD)


def run(source: Source, speed: float | None, address: Address) -> dict[str, Any]:
    """Replay ``source`` through the agent, which is set up, and say what became of it.

    Raises:
        UnreachableError: the collector stopped acknowledging.
        ConfigError: the file cannot be read.
    """
    pace, before = RealPace(), llmmon.stats()
    begun_s = pace.mono_s()
    reader = TraceReader(read_lines(source.file))
    outcome = replay_rows(
        islice(reader, source.limit),
        lambda fields: record_fields({**source.defaults, **fields}),
        Throttle(llmmon.stats, pace, address.text),
        pace,
        speed,
    )
    llmmon.flush(timeout_s=_FLUSH_S)
    seconds = pace.mono_s() - begun_s
    llmmon.shutdown()
    return report_object(source.file, outcome, before, llmmon.stats(), seconds) | {
        "ignored_columns": list(reader.ignored)
    }


def report_object(
    file: Path, outcome: Outcome, before: Stats, after: Stats, seconds: float
) -> dict[str, Any]:
    """What ``llmmon replay --json`` prints; counts are of the events between two ``Stats``."""
    lost = {
        reason: count - before.lost.get(reason, 0)
        for reason, count in after.lost.items()
        if count > before.lost.get(reason, 0)
    }
    return {
        "version": VERSION,
        "file": str(file),
        "sent": outcome.sent,
        "acknowledged": after.acknowledged - before.acknowledged,
        "lost": sum(lost.values()),
        "lost_by_reason": lost,
        "pending": after.buffered,
        "skipped": outcome.skipped,
        "bad_rows": [f"{file}:{row.line}: {row.reason}" for row in outcome.bad],
        "seconds": round(seconds, 3),
    }


def report_text(report: dict[str, Any]) -> str:
    """The same in a line or two."""
    text = (
        f"{report['sent']} sent, {report['acknowledged']} acknowledged, {report['lost']} lost, "
        f"{report['skipped']} rows skipped, in {report['seconds']:.1f} s"
    )
    if ignored := report["ignored_columns"]:
        text += f"\nignored columns: {plain(', '.join(ignored))}"
    return text
