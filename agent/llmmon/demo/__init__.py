"""Real traffic to try llmmon on: readers of recorded traces, their replay, a demo that runs itself.

Nothing is invented: arrivals, tokens, latencies, errors and texts are measured ones, shipped in
``data/`` with their licences.
"""
