"""What keeps the journal beside the path of requests: it signs, seals, deletes and ships, in its own process."""
