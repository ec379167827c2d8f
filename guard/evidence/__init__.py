"""What the journal says, for people and programs: the exchanges in it, found, followed, counted and carried away.

Nothing here writes to the journal, and nothing trusts it: a line that is not what the guard writes is told and left
out, the rest is read. Whether a record is the one that was written, `guard.proof` says.
"""
