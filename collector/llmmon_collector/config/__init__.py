"""The configuration: found, read, checked with messages for an operator, watched for changes."""
