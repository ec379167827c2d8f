"""Load on the guard: beside its peers (compare), and by realistic users (locustfile)."""
