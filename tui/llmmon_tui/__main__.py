"""`python -m llmmon_tui`."""

from llmmon_tui.cli import main

if __name__ == "__main__":
    main()
