"""Batches on disk, for when no collector acknowledges them."""
