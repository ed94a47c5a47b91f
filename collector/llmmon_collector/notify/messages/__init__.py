"""One module a service: what it is sent, within its documented limits."""
