"""What is sent, kept, sent again and lost: the agent's half of delivery. Pure."""
