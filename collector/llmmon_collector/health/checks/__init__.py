"""One module a kind of check. Coroutines run on the event loop, plain functions in a thread."""
