"""Pure decisions on values: who a client is, what it may do, where it goes."""
