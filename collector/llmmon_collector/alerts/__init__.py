"""Alerts over time: who was told, who has taken one on, what is silenced, what a restart keeps."""
