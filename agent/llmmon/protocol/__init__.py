"""What agents, collectors and viewers say to each other: schemas, names and bytes.

Pure: no sockets, no files, no clock. The only part of the agent, beside ``llmmon.errors``,
that the collector and the TUI import.
"""
