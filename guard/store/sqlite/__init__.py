"""A store that is an SQLite database: for the guards of one machine, without a server."""
