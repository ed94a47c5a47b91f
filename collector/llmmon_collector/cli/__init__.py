"""The commands of ``llmmon-collector``."""
