"""The demo: real processes, a short story, and a check that it went as told."""
