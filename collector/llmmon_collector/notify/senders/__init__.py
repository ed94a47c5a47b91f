"""One module a type of channel: each tries once to deliver a batch."""
