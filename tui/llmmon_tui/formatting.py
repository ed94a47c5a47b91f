"""Numbers and foreign text as they appear on the screen: short, of steady width, harmless.

Every number formatter takes None, NaN and infinity and gives `MISSING` for them, never a zero.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from rich.cells import cell_len, get_character_cell_size

MISSING = "—"
ELLIPSIS = "…"
REPLACEMENT = "□"

Align = Literal["left", "right", "center"]
Formatter = Callable[[float | None], str]

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d|\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_MARKUP_BRACKETS = str.maketrans("[]", "()")
_MAGNITUDES = ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_STUB = 4
"""Cells of what stands beside a name that still tell something."""
_FORKED = 9
"""Cells from which both ends of a name tell more than its beginning alone."""
_STUMP = 12
"""Cells of a name that still tell which it is."""


def number(value: float | None) -> str:
    """A bare quantity in at most 5 cells, 6 below zero: `0.71`, `7.2`, `412`, `1.9k`, `2.0M`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0:
        return "-" + number(-value)
    if value >= 999.5:
        return _scaled(value)
    if value >= 99.95 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def count(value: float | None) -> str:
    """A whole number of things: `612`, `1.9k`, `192k`."""
    if value is None or not math.isfinite(value):
        return MISSING
    return number(round(value))


def rate(per_s: float | None) -> str:
    """Events a second, without the unit, in three digits: `41.2`, `5.00`, `0.25`."""
    if per_s is None or not math.isfinite(per_s) or not 0 < per_s < 99.95:
        return number(per_s)
    if per_s < 0.005:
        return "<0.01"
    return f"{per_s:.1f}" if per_s >= 9.995 else f"{per_s:.2f}"


def score(value: float | None) -> str:
    """A quality score of 0 to 1: `0.71`."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """A share of 1 as a percentage: `7.2%`, `0.04%`, `100%`; a tiny share is `<0.01%`, not zero."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0:
        return "-" + ratio(-value)
    percent = value * 100
    if percent == 0:
        return "0%"
    if percent < 0.01:
        return "<0.01%"
    if percent < 0.0995:
        return f"{percent:.2f}%"
    return f"{percent:.1f}%" if percent < 99.95 else f"{number(percent)}%"


def duration(ms: float | None) -> str:
    """A length of time given in ms: `812ms`, `3.41s`, `34.1s`, `2m05s`, `1h12m`, `4d03h`."""
    if ms is None or not math.isfinite(ms):
        return MISSING
    if ms < 0:
        return "-" + duration(-ms)
    if ms < 999.5:
        return f"{ms:.1f}ms" if 0 < ms < 0.95 else f"{ms:.0f}ms"
    seconds = ms / 1000
    if seconds < 59.95:
        return f"{seconds:.2f}s" if seconds < 9.995 else f"{seconds:.1f}s"
    return _two_units(round(seconds))


def age(seconds: float | None) -> str:
    """How long ago: `12s`, `3m12s`, `11m`, `2h`, `3d`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 3600:
        return f"{whole // 60}m"
    return f"{whole // 3600}h" if whole < 48 * 3600 else f"{whole // 86400}d"


def money(usd: float | None) -> str:
    """US dollars: `$0`, `$0.0042`, `$38.10`, `$1.2k`; a tiny cost is `<$.0001`, not zero."""
    if usd is None or not math.isfinite(usd):
        return MISSING
    if usd < 0:
        return "-" + money(-usd)
    if usd == 0:
        return "$0"
    if usd < 0.00005:
        return "<$.0001"
    if usd < 0.995:
        return f"${usd:.4f}" if usd < 0.1 else f"${usd:.3f}"
    return f"${usd:.2f}" if usd < 999.995 else f"${_scaled(usd)}"


def times(value: float | None) -> str:
    """So many times what is allowed: `2.95×`, `14.4×`, `1×`."""
    return MISSING if value is None or not math.isfinite(value) else f"{number(value)}×"


def axis_number(value: float | None) -> str:
    """A tick in at most 4 cells: `0`, `0.5`, `.05`, `20`, `1k`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}".replace("0.", ".", 1)
    if abs(value) < 1000:
        return f"{value:.3g}"
    factor, unit = _magnitude(abs(value))
    return f"{value / factor:.3g}{unit}"


def axis_duration(ms: float | None) -> str:
    """A tick in ms in at most 4 cells: `50ms`, `0.2s`, `5s`, `20m`."""
    if ms is None or not math.isfinite(ms):
        return MISSING
    if ms == 0:
        return "0"
    if abs(ms) < 100:
        return f"{ms:.1g}ms".replace("0.", ".", 1) if abs(ms) < 1 else f"{ms:g}ms"
    seconds = ms / 1000
    if abs(seconds) < 1000:
        return f"{seconds:.3g}s"
    return f"{seconds / 60:.0f}m" if seconds < 36000 else f"{seconds / 3600:.0f}h"


def axis_money(usd: float | None) -> str:
    """A tick in US dollars: `$0`, `$.05`, `$0.5`, `$20`, `$1k`."""
    return MISSING if usd is None or not math.isfinite(usd) else f"${axis_number(usd)}"


def axis_ratio(value: float | None) -> str:
    """A tick as a percentage: `0%`, `.5%`, `20%`."""
    return MISSING if value is None or not math.isfinite(value) else f"{value * 100:.3g}%"


def strip_controls(text: str) -> str:
    """Drop escape sequences, control characters, bidi overrides and width-changing marks.

    Line ends and other white space become one space each. What has no settled glyph (private use,
    unassigned, lone surrogates) becomes `REPLACEMENT`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, _ESCAPE_SEQUENCE.sub("", text)))


def clean(text: str) -> str:
    """Foreign text made safe wherever Rich or Textual might read markup.

    As `strip_controls`; square brackets become parentheses, because every `[` can open a tag.
    """
    return strip_controls(text).translate(_MARKUP_BRACKETS)


def width_of(text: str) -> int:
    """Cells that the text takes, wide characters counting two."""
    return cell_len(text)


def fit(text: str, width: int, align: Align = "left") -> str:
    """The text in exactly `width` cells: padded, or cut and ended with an ellipsis."""
    if width <= 0:
        return ""
    text = strip_controls(text)
    used = cell_len(text)
    if used > width:
        text = _cut(text, width - 1) + ELLIPSIS
        used = cell_len(text)
    space = width - used
    if align == "right":
        return " " * space + text
    left = space // 2 if align == "center" else 0
    return " " * left + text + " " * (space - left)


def fit_middle(name: str, width: int) -> str:
    """The name in exactly `width` cells, an ellipsis in its middle where it is too long.

    Names of one family differ at the end: `Llama-2-7b-chat`, `Llama-2-13b-chat-hf`.
    """
    name = strip_controls(name)
    if cell_len(name) <= width or width < _FORKED:
        return fit(name, width)
    end = _cut(name[::-1], (width - 1) // 2)[::-1]
    start = _cut(name, width - 1 - cell_len(end))
    return fit(f"{start}{ELLIPSIS}{end}", width)


def fit_name(name: str, beside: str, width: int) -> str:
    """A model's name and what tells it from its namesakes in exactly `width` cells.

    When room is short the vendor's path leaves first, as in `meta-llama/Llama-2-7b`, then the end
    of what stands beside, then its end and the middle of the name: rows can still be told apart. A
    name that would be cut to a stump stands alone.
    """
    name, beside = strip_controls(name), strip_controls(beside)
    whole = f"{name}  {beside}" if beside else name
    if cell_len(whole) <= width:
        return fit(whole, width)
    short = name.rpartition("/")[2] or name
    needed = cell_len(short)
    room = width - 2 - min(cell_len(beside), max(_STUB, (width - 2) // 3))
    if needed <= width - 2 - _STUB:
        room = max(room, needed)
    if not beside or room < min(needed, _STUMP):
        return fit_middle(short, width)
    left = fit_middle(short, min(needed, room))
    return f"{left}  {fit(beside, width - 2 - cell_len(left))}"


def _cut(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > width:
            return text[:index]
    return text


def _visible(char: str) -> str:
    if char.isprintable():
        return "" if "\ufe00" <= char <= "\ufe0f" else char
    if char.isspace():
        return " "
    return REPLACEMENT if unicodedata.category(char) in {"Co", "Cn", "Cs"} else ""


def _magnitude(value: float) -> tuple[float, str]:
    fitting = [step for step in _MAGNITUDES if value >= step[0] * 0.9995]
    return fitting[-1]


def _scaled(value: float) -> str:
    factor, unit = _magnitude(value)
    scaled = value / factor
    return f"{scaled:.1f}{unit}" if scaled < 99.95 else f"{scaled:.0f}{unit}"


def _two_units(seconds: int) -> str:
    for size, name, smaller, smaller_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
    ):
        if seconds >= size:
            return f"{seconds // size}{name}{seconds % size // smaller:02d}{smaller_name}"
    return f"{seconds // 60}m{seconds % 60:02d}s"
