"""Inks: the named styles that drawings use, each a component class coloured by the theme."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from llmmon_tui.drawing.lines import Line, merge_spans
from llmmon_tui.severity import ASCII_CLASS, to_ascii

STALE_CLASS = "-stale"
"""Put this class on a widget whose picture is old: everything in it turns pale."""

_RULES = {
    "plain": "color: $foreground;",
    "muted": "color: $text-muted;",
    "strong": "color: $foreground; text-style: bold;",
    "accent": "color: $accent;",
    "critical": "color: $error; text-style: bold;",
    "warning": "color: $warning;",
    "ok": "color: $success;",
    # the first three hold no hue of a severity: a calm chart must not look like an alarm
    "series-1": "color: $text-muted;",
    "series-2": "color: $primary-lighten-1;",
    "series-3": "color: $foreground;",
    "series-4": "color: $secondary-lighten-3;",
    "series-5": "color: $accent;",
    "series-6": "color: $success;",
}
INKS = frozenset(_RULES)


def ink_class(ink: str) -> str:
    """The component class of an ink."""
    return f"ink--{ink}"


COMPONENT_CLASSES = {ink_class(ink) for ink in INKS}


def ink_css(widget_type: str) -> str:
    """Default rules for the inks of a widget type, and their pale form when it is stale."""
    rules = [f"{widget_type} > .{ink_class(ink)} {{ {rule} }}" for ink, rule in _RULES.items()]
    rules += [
        f"{widget_type}.{STALE_CLASS} > .{ink_class(ink)} {{ color: $text-disabled; }}"
        for ink in _RULES
    ]
    return "\n".join(rules)


def ink_strip(widget: Widget, line: Line, over: Style | None = None) -> Strip:
    """The line in the theme's colours, its background included.

    `over` is laid over every span. Raises KeyError for an ink that does not exist.
    """
    ascii_only = widget.app.has_class(ASCII_CLASS)
    segments: list[Segment] = []
    for text, ink in merge_spans(line):
        style = widget.get_component_rich_style(ink_class(ink))
        shown = to_ascii(text) if ascii_only else text
        segments.append(Segment(shown, style if over is None else style + over))
    return Strip(segments)
