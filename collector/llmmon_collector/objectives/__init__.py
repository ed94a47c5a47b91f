"""Service level objectives and spending limits: what is counted, and what it means. Pure."""
