"""The sender's thread: from the lanes over a socket or a spool to the collector."""
