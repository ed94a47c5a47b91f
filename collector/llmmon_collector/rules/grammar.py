"""The two small languages of rules: values over metrics, filters over dimensions.

Both are typed by their grammar: arithmetic takes numbers, ``and``/``or``/``not`` take comparisons.
Nothing is ever evaluated as Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 40
"""How deep an expression may nest; a chain of sums or products counts a level an operator."""

_VALUE: Final = Lark(
    r"""
    ?start: sum | disjunction
    ?disjunction: conjunction ("or" conjunction)*
    ?conjunction: negation ("and" negation)*
    ?negation: "not" negation -> negation
        | sum COMPARE sum -> comparison
        | "(" disjunction ")"
    ?sum: product | sum SIGN product -> arithmetic
    ?product: unary | product SCALE unary -> arithmetic
    ?unary: "-" unary -> negative | atom
    ?atom: NUMBER -> number
        | NAME -> metric
        | "(" sum ")"
        | NAME "(" ")" -> call
        | NAME "(" argument ("," argument)* ")" -> call
    ?argument: sum | disjunction | TEXT -> text
    TEXT: /"[^"\n]*"|'[^'\n]*'/
    COMPARE: ">=" | "<=" | "==" | "!=" | ">" | "<"
    SIGN: "+" | "-"
    SCALE: "*" | "/"
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    %import common.NUMBER
    %ignore /\s+/
    """,
    parser="lalr",
    propagate_positions=True,
)
_WHERE: Final = Lark(
    r"""
    ?start: disjunction
    ?disjunction: conjunction ("or" conjunction)*
    ?conjunction: negation ("and" negation)*
    ?negation: "not" negation -> negation
        | NAME EQUALITY TEXT -> equality
        | NAME "in" "[" TEXT ("," TEXT)* "]" -> membership
        | NAME "not" "in" "[" TEXT ("," TEXT)* "]" -> exclusion
        | "(" disjunction ")"
    EQUALITY: "==" | "!="
    TEXT: /"[^"\n]*"|'[^'\n]*'/
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    %ignore /\s+/
    """,
    parser="lalr",
)
_SPOKEN: Final = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "a quoted text",
    "COMPARE": "a comparison such as >",
    "EQUALITY": "== or !=",
    "SIGN": "+ or -",
    "SCALE": "* or /",
    "MINUS": "a minus",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": "a comma",
    "$END": "the end",
}


class ExpressionError(ValueError):
    """An expression cannot be used; ``str()`` reads ``column N: reason``."""

    def __init__(self, reason: str, column: int, text: str = "") -> None:
        self.reason = reason
        self.column = column
        """Of the whole expression, from 1; line breaks count as characters."""
        self.text = text
        super().__init__(f"column {column}: {reason}")

    @property
    def picture(self) -> str:
        """The line that is wrong with a caret under the mistake; empty where it is unknown."""
        before, after = self.text[: self.column - 1], self.text[self.column - 1 :]
        left, right = before.rpartition("\n")[2], after.partition("\n")[0]
        return f"{left}{right}\n{' ' * len(left)}^" if self.text else ""


def parse_value(text: str) -> Tree[Token]:
    """The tree of a value expression, such as ``errors / requests``.

    Raises:
        ExpressionError: longer than ``MAX_LENGTH``, or not in the language.
    """
    return read(_VALUE, text, _SPOKEN)


def parse_where(text: str) -> Tree[Token]:
    """The tree of a filter, such as ``environment == "production"``.

    Raises:
        ExpressionError: longer than ``MAX_LENGTH``, or not in the language.
    """
    return read(_WHERE, text, _SPOKEN)


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "X"?`` for the known name closest to ``name``, or nothing.

    One that begins with it comes first.
    """
    word, names = name.lower(), list(known)
    longer = [one for one in names if len(word) > 2 and one.startswith(word)]
    close = longer or get_close_matches(word, names, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def column_of(part: Tree[Token] | Token) -> int:
    """Where ``part`` begins in its expression, from 1."""
    if isinstance(part, Token):
        return (part.start_pos or 0) + 1
    return int(getattr(part.meta, "start_pos", 0)) + 1


def read(parser: Lark, text: str, spoken: Mapping[str, str]) -> Tree[Token]:
    """The tree of ``text``, whose mistakes are told with the ``spoken`` names of tokens.

    Raises:
        ExpressionError: longer than ``MAX_LENGTH``, or not in the language.
    """
    if len(text) > MAX_LENGTH:
        reason = f"{len(text)} characters, at most {MAX_LENGTH}"
        raise ExpressionError(reason, MAX_LENGTH + 1, text)
    try:
        return parser.parse(text)
    except UnexpectedCharacters as error:
        reason = f"{_quote(error.char)} has no meaning here"
        raise ExpressionError(reason, (error.pos_in_stream or 0) + 1, text) from None
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        column = len(text) + 1 if at_end else column_of(error.token)
        raise ExpressionError(_explain(error, spoken), column, text) from None
    except UnexpectedInput as error:
        raise ExpressionError("not an expression", error.column, text) from None


def _explain(error: UnexpectedToken, spoken: Mapping[str, str]) -> str:
    names = sorted(error.accepts or error.expected)
    expected = ", ".join(spoken.get(name, name.lower()) for name in names)
    found = "ends too early" if error.token.type == "$END" else f"unexpected {_quote(error.token)}"
    return f"{found}; expected {expected}"


def _quote(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
