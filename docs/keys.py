"""Write the key reference of docs/tui.md anew, from the bindings: ``python docs/keys.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from llmmon_tui.app import LlmmonApp
from llmmon_tui.keyreference import key_reference, with_reference
from llmmon_tui.places import PLACES
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.screens.trace import TraceScreen

PAGE: Final = Path(__file__).parent / "tui.md"


def reference() -> list[str]:
    """The lines between the marks of the page."""
    screens = {
        screen.PLACE: screen
        for mode, screen in LlmmonApp.MODES.items()
        if isinstance(screen, type) and issubclass(screen, MonitorScreen) and mode == screen.PLACE
    }
    own = {place.title: screens[place.id].KEYS for place in PLACES}
    offers = {name: screen.OFFERS for name, screen in screens.items()}
    return key_reference({**own, "Trace": TraceScreen.KEYS}, offers)


def with_keys(page: str) -> str:
    """The page as it is to be."""
    return with_reference(page, reference())


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_keys(PAGE.read_text()))


if __name__ == "__main__":
    main()
