"""Draw the pictures of the documentation: ``python docs/screenshots.py``. It takes three minutes.

Every number in them was measured: a real demo plays recorded traffic through a real agent and
collector, and the pictures are taken of the real application once the incident's alerts fire.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from textual.pilot import Pilot

from llmmon.cli.client import ControlClient
from llmmon.demo.run import Options as DemoOptions
from llmmon.demo.run import playing
from llmmon.errors import LlmmonError
from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.app import LlmmonApp
from llmmon_tui.options import Options

IMAGES: Final = Path(__file__).parent / "images"
FIRING: Final = frozenset({"slow_provider", "failing_provider"})
FIRED_S: Final = 20.0
"""How long the youngest of these alerts has been firing when the pictures are taken."""
LIMIT_S: Final = 300.0
SETTLE_S: Final = 2.0
"""After each key and each change of size, until what is asked for anew has come."""
LARGEST_BYTES: Final = 150_000
_RUN: Final = re.compile(
    r'<text ([^>]*) x="([\d.]+)"([^>]*) textLength="([\d.]+)"([^>]*)>([^<]*)</text>'
)
_WORD: Final = re.compile(r"[\u2800-\u28ff]+|[^\s\u2800-\u28ff]+")
"""What one font is likely to have: dots of charts, or anything else up to a blank."""
FONTS: Final = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'


class Shot(NamedTuple):
    """One picture."""

    name: str
    keys: tuple[str, ...] = ()
    """Pressed before it is taken."""
    size: tuple[int, int] = (120, 40)
    filter: str = ""
    """Set before the keys are pressed."""
    after: tuple[str, ...] = ()
    """Pressed afterwards, so that the next one begins on a screen."""


SHOTS: Final = (
    Shot("overview"),
    Shot("narrow", size=(80, 24)),
    Shot("side", size=(40, 24)),
    Shot("models", ("2",)),
    Shot("requests", ("3",)),
    Shot("alerts", ("6",)),
    Shot("past", ("1", "left_square_bracket"), after=("full_stop",)),
    Shot("cost", ("4",)),
    Shot("quality", ("5",)),
    Shot("health", ("7",)),
    Shot("logs", ("8",)),
    # slowest first, of those that searched before they asked
    Shot("trace", ("3", "b", "b", "enter"), filter="route:/search", after=("escape",)),
)


def main() -> None:
    """Draw all pictures."""
    with playing(DemoOptions(incident=True), _answers) as demo:
        pictures = asyncio.run(_draw(demo.address))
        for name, svg in pictures.items():
            drawn = with_placed_words(with_local_fonts(without(demo.address, svg)))
            size = len(drawn.encode())
            if size > LARGEST_BYTES:
                raise SystemExit(f"{name}: {size:,} bytes, {LARGEST_BYTES:,} at most")
            (IMAGES / f"{name}.svg").write_text(drawn)


def without(address: Address, svg: str) -> str:
    """The picture without the name that this run's directory got, which tells nobody anything."""
    name = str(address.directory).rpartition("-")[2]
    return svg.replace(name, "…".ljust(len(name), "\u00a0"))


def with_local_fonts(svg: str) -> str:
    """The picture without fonts that a viewer would have to load from the network."""
    without = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    drawn = without.replace("font-family: Fira Code, monospace;", f"font-family: {FONTS};")
    if FONTS not in drawn or re.search(r"url\W*http", drawn):
        raise SystemExit("the export of SVG names its fonts in another way than it did")
    return drawn


def with_placed_words(svg: str) -> str:
    """The picture with each word at its own place: blanks are not as wide in every font."""
    return _RUN.sub(_placed, svg)


def _placed(run: re.Match[str]) -> str:
    before, x, between, length, after, text = run.groups()
    text = html.unescape(text)
    cell = float(length) / max(1, len(text))
    words = [
        f'<text {before} x="{float(x) + word.start() * cell:.1f}"{between}'
        f' textLength="{len(word[0]) * cell:.1f}"{after}>{html.escape(word[0])}</text>'
        for word in _WORD.finditer(text)
    ]
    return "".join(words)


async def _draw(address: Address) -> dict[str, str]:
    app = LlmmonApp(Options(address))
    pictures = {}
    async with app.run_test(size=SHOTS[0].size) as pilot:
        async with asyncio.timeout(LIMIT_S):
            await _until(pilot, lambda: _is_incident(app.model.live))
        for shot in SHOTS:
            await pilot.resize_terminal(*shot.size)
            app.choose(replace(app.model.view, filter=shot.filter))
            await _press(pilot, shot.keys)
            pictures[shot.name] = app.export_screenshot(title="llmmon-tui")
            await _press(pilot, shot.after)
    return pictures


async def _press(pilot: Pilot[None], keys: tuple[str, ...]) -> None:
    await pilot.pause(SETTLE_S)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(SETTLE_S)


async def _until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    while not holds():
        await pilot.pause(0.2)


def _is_incident(snapshot: Snapshot | None) -> bool:
    alerts = () if snapshot is None else snapshot.alerts
    fired = {
        alert.rule: (snapshot.at_ns - alert.fired_ns) / 1e9
        for alert in alerts
        if snapshot is not None and alert.state == "firing" and alert.fired_ns is not None
    }
    return fired.keys() >= FIRING and all(fired[rule] >= FIRED_S for rule in FIRING)


def _answers(address: Address) -> bool:
    with ControlClient(address, timeout_s=0.5) as control:
        try:
            control.call("status")
        except LlmmonError:
            return False
    return True


if __name__ == "__main__":
    main()
