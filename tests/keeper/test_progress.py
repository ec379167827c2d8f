"""What is kept of a follower over a restart; tests/keeper/test_notary.py shows what harm to it does."""

from guard.keeper.follow import Follower
from guard.keeper.progress import restore, save
from guard.proof.checkpoint import Checkpoint
from tests.support.growing import Growing


def test_a_follower_goes_on_as_another(tmp_path):
    """What one has saved another takes up, if a checkpoint was signed for the same."""
    log = Growing(tmp_path)
    log.prompts(6)
    log.mark()
    one = Follower(tmp_path, "w1", lambda _: one.durable)
    one.advance()
    save(tmp_path / "keeper" / "w1.json", one)
    signed = Checkpoint("n/w1", one.durable.end, one.durable.root())
    other = Follower(tmp_path, "w1", lambda _: one.durable)
    assert not restore(tmp_path / "keeper" / "w1.json", other, tmp_path / "w1", signed._replace(root=bytes(32)))
    assert other.durable.end == 0
    assert restore(tmp_path / "keeper" / "w1.json", other, tmp_path / "w1", signed)
    assert (other.durable, other.place) == (one.durable, one.place)
    log.mark()
    one.advance()
    other.advance()
    assert other.durable == one.durable
