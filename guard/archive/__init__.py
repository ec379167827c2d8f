"""Finished segments: sealed, described in signed manifests, and deleted with a tombstone; and how any is read."""
