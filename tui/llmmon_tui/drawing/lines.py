"""Lines of inked text: what every widget draws, before a theme gives the inks their colours."""

from collections.abc import Iterable, Sequence

from llmmon_tui.formatting import fit, width_of

Span = tuple[str, str]
"""Text and the name of its ink."""
Line = tuple[Span, ...]


def line_text(line: Line) -> str:
    """The line without its inks."""
    return "".join(text for text, _ in line)


def line_width(line: Iterable[Span]) -> int:
    """Cells that the line takes."""
    return sum(width_of(text) for text, _ in line)


def fit_line(spans: Iterable[Span], width: int) -> Line:
    """The spans in exactly `width` cells: padded at the right, or cut with an ellipsis."""
    fitted: list[Span] = []
    left = width
    for text, ink in spans:
        if left <= 0:
            break
        used = min(left, width_of(text))
        fitted.append((fit(text, used), ink))
        left -= used
    if left > 0:
        fitted.append((" " * left, "plain"))
    return tuple(fitted)


def merge_spans(spans: Iterable[Span]) -> Line:
    """Neighbours of one ink joined, blanks with what stands before them: fewer bytes to send."""
    merged: list[Span] = []
    for text, ink in spans:
        if merged and (ink == merged[-1][1] or not text.strip(" ")):
            merged[-1] = (merged[-1][0] + text, merged[-1][1])
        else:
            merged.append((text, ink))
    return tuple(merged)


def merge_cells(cells: Sequence[Span]) -> Line:
    """Neighbours of one ink as one span; a blank takes the ink on its left, as it shows none."""
    merged: list[Span] = []
    run: list[str] = []
    run_ink = ""
    for char, ink in cells:
        if char == " " and run:
            run.append(char)
            continue
        if ink != run_ink and run:
            merged.append(("".join(run), run_ink))
            run = []
        run_ink = ink
        run.append(char)
    if run:
        merged.append(("".join(run), run_ink))
    return tuple(merged)
