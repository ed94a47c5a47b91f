"""Intake: messages in, batches committed and accounted for, acknowledgements out."""
