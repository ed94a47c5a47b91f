"""What the documents say is so."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from llmmon.protocol.names import METRICS
from llmmon.testing import capture_events
from llmmon_tui.command import llmmon_tui
from llmmon_tui.places import PLACES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


def test_every_metric_is_documented_with_its_unit() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    missing = [
        name
        for name, metric in METRICS.items()
        if f"| `{name}` | {metric.unit} | {metric.meaning} |" not in text
    ]
    assert missing == []


def test_the_key_reference_is_that_of_the_bindings() -> None:
    page = (ROOT / "docs" / "tui.md").read_text()
    with_keys = runpy.run_path(str(ROOT / "docs" / "keys.py"))["with_keys"]
    assert page == with_keys(page), "the keys have changed: `make screenshots` writes them anew"


def test_every_option_of_the_screen_is_documented() -> None:
    page = (ROOT / "docs" / "tui.md").read_text()
    options = [option for one in llmmon_tui.params for option in (*one.opts, *one.secondary_opts)]
    assert [option for option in options if f"`{option}" not in page and len(option) > 2] == []


def test_every_screen_is_documented_with_its_digit_and_its_question() -> None:
    lines = (ROOT / "docs" / "tui.md").read_text().splitlines()
    expected = [
        line
        for digit, place in enumerate(PLACES, 1)
        for line in (f"### {digit} {place.title}", f"*{place.question}*")
    ]
    assert [line for line in expected if line not in lines] == []


class _Stream:
    """What a provider's stream looks like to the README's example."""

    input_tokens, output_tokens, text = 812, 164, "Paris is the capital of France."

    def __iter__(self):
        return iter(self.text.split())


def test_the_readme_example_records_a_request() -> None:
    text = (ROOT / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    scope = {"ask_model": lambda _question: _Stream()}
    with capture_events() as events:
        exec(code, scope)
        scope["answer"]("What is the capital of France?", "u1")
    [request] = events.requests
    assert (request["model"], request["route"], request["user_id"]) == ("gpt-4o", "/ask", "u1")
    assert (request["input_tokens"], request["output_tokens"]) == (812, 164)
    assert request["ttft_ms"] >= 0
    assert "query" not in request
