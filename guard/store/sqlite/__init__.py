"""A store that is an SQLite database: for the guards of one machine, without a server."""

LIVE_SUFFIX = "-live"
"""What the name of a store's second file ends in: of what is so just now."""
