"""``python -m llmmon_collector``."""

from llmmon_collector.main import main

if __name__ == "__main__":
    main()
