"""The collector's HTTP face: is it alive, is it ready, is all well, and its metrics."""
