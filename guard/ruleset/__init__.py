"""Rules: reading them, checking them, compiling them, and matching them against text that comes whole or in pieces."""
