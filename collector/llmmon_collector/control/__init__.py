"""Answers to viewers' and tools' questions, on a socket of their own."""
