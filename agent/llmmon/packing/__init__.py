"""Rows as callers left them to the payloads of batches: scored, redacted, cleaned. Pure."""
