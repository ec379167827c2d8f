"""What was done with the journal, by whom and why: the control log, and what follows from it."""
