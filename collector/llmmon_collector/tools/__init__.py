"""Tools for whoever writes rules: ``llmmon rules check``, ``test``, ``backtest``, ``explain``."""
