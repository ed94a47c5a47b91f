"""``llmmon rules explain``: why a rule fires, or does not, in the running collector."""

from __future__ import annotations

from collections.abc import Mapping

import click

from llmmon_collector.tools.explanation import explanation_lines
from llmmon_collector.tools.host import OpenControl
from llmmon_collector.tools.options import connect_options, json_option, say, say_json


def _labels(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    labels = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r}: expected NAME=VALUE", ctx, param)
        labels[name] = value
    return labels


@click.command()
@click.argument("name")
@click.option(
    "--by",
    "labels",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_labels,
    help="Only groups with this label, such as model=gpt-4o; may be repeated.",
)
@json_option
@connect_options
def explain(name: str, labels: Mapping[str, str], control: OpenControl, as_json: bool) -> None:
    """Say why the rule NAME fires or not right now, with its values, group by group.

    Objectives and spending limits are rules too, called slo.NAME and budget.NAME. The twenty worst
    groups are told.
    """
    with control() as collector:
        document = collector.call("explain", {"name": name, "labels": dict(labels)})
    if as_json:
        say_json(document)
    else:
        say("\n".join(explanation_lines(document)))
