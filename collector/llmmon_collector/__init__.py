"""The collector daemon: commits, aggregates, prices and watches what agents send."""

from importlib.metadata import version

__version__ = version("llmmon")
