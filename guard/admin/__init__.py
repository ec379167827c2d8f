"""What operators are shown and offered."""
