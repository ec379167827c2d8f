"""What shows to somebody who trusts nobody that a log is whole: trees of hashes, signed notes, checkpoints, keys."""
