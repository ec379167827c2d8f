"""Bytes and sockets, no policy."""
