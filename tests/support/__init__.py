"""What several test folders share: strategies, fake peers, running processes."""
