"""Health checks: each on a schedule of its own, bounded in time, debounced, read from cache."""
