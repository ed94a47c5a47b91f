"""What counts as a problem: rules over metrics, judged once a tick. Pure."""
