"""``python -m llmmon_collector``."""

from llmmon_collector.cli import main

main()
