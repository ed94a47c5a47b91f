"""Benchmarks: each a module that prints one JSON object a measurement; ``make bench`` runs all."""
