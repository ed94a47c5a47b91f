"""Telling people: channels, what they are sent, and the queue that outlives a restart."""
