"""Real traffic to try llmmon on: readers of recorded traces, their replay, a demo that runs itself.

Arrivals, tokens, latencies, errors and texts are measured ones, shipped in ``data/`` with their
licences; only the ids of users and sessions are made up.
"""
