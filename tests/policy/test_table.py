import fcntl
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard import config
from guard.policy.clients import Client
from guard.policy.held import Denied, Held
from guard.policy.limits import Limits, Who
from guard.policy.meters import Meters
from guard.policy.table import CELLS, COLUMNS, WINDOW, Table

SMALL = 64
WHO = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")


class Clock:
    """A machine's clocks: seconds since it was started, and those that somebody sets."""

    def __init__(self) -> None:
        self.up = 100.0
        self.wall = 1_700_000_000.0
        self.boot = bytes(15) + b"1"

    def pass_by(self, seconds: float) -> None:
        self.up += seconds
        self.wall += seconds

    def restart(self, seconds: float) -> None:
        """The machine is off for so long."""
        self.wall += seconds
        self.up = 3.0
        self.boot = bytes(15) + bytes([self.boot[-1] + 1])


OPENED: list[Table] = []


def close_all() -> None:
    """Close all tables that were opened; those of workers that died are open until then."""
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(autouse=True)
def _closed():
    yield
    close_all()


def table(folder: Path, clock: Clock | None = None, cells: int = SMALL) -> Table:
    """A worker's table."""
    clock = clock or Clock()
    OPENED.append(
        Table(folder / "limits", cells=cells, clock=lambda: clock.up, wall=lambda: clock.wall, boot=clock.boot)
    )
    return OPENED[-1]


def workers(folder: Path, clock: Clock, number: int, cells: int = SMALL) -> list[Meters]:
    """So many workers of a node."""
    return [Meters(table(folder, clock, cells)) for _ in range(number)]


def limits(*entries: Any) -> Limits:
    """The limits of these entries of a configuration."""
    return Limits([config.Limit(**entry) for entry in entries])


def ask(meters: Meters, bound: Limits, who: Who = WHO) -> Any:
    """The verdict of a worker on a request now."""
    return meters.admit(bound.head, who, meters.now())


def admitted(meters: Meters, bound: Limits, who: Who = WHO) -> bool:
    """Whether a worker lets a request in now."""
    return not isinstance(ask(meters, bound, who), Denied)


def test_the_file_is_whole_from_the_beginning(tmp_path):
    """All of its room is taken when it is made, so that a disk that gets full later changes nothing."""
    table(tmp_path, cells=CELLS).close()
    path = tmp_path / "limits" / "table"
    there = path.stat()
    assert there.st_blocks * 512 >= there.st_size > CELLS * (56 + 8 * COLUMNS)
    assert there.st_mode & 0o777 == 0o600
    assert {one.name for one in path.parent.iterdir()} == {"table"} | {f"{column}.lock" for column in range(COLUMNS)}


@pytest.mark.parametrize("harm", ["cut", "longer", "empty", "garbage", "head", "version", "folder", "link"])
def test_what_is_no_table_is_made_anew(tmp_path, harm, caplog):
    """A file that is damaged, of another size or of another program is put aside for a new one, and that is told."""
    bound, clock = limits({"per": "client", "requests": "1/h"}), Clock()
    first = Meters(table(tmp_path, clock))
    assert admitted(first, bound)
    first.close()
    path = tmp_path / "limits" / "table"
    content = bytearray(path.read_bytes())
    if harm == "head":
        content[20] ^= 1
    elif harm == "version":
        content[13:14] = b"9"
    path.unlink()
    if harm == "link":
        path.symlink_to("/dev/zero")
    elif harm == "folder":
        path.mkdir()
        with pytest.raises(OSError, match="directory"):
            table(tmp_path, clock)
        return
    else:
        cut = {"cut": content[:-1], "longer": content + b"\0", "empty": b"", "garbage": os.urandom(len(content))}
        path.write_bytes(cut.get(harm, content))
    assert admitted(Meters(table(tmp_path, clock)), bound)
    assert "is made anew" in caplog.text


def test_cells_that_are_no_numbers_count_as_nothing(tmp_path):
    """Whatever got into a cell, it neither locks anybody out nor lets anybody pass for ever."""
    bound, clock = limits({"per": "client", "requests": "1/h"}), Clock()
    first = Meters(table(tmp_path, clock))
    assert admitted(first, bound)
    assert first.table is not None
    index = next(index for index, name in enumerate(first.table.names) if name)
    first.table.tat[index] = float("nan")
    second = Meters(table(tmp_path, clock))
    assert [admitted(second, bound) for _ in range(2)] == [True, False]


def test_workers_share_and_restarts_keep(tmp_path):
    """A burst is one for all workers, and whoever is started later goes on where the others were."""
    bound, clock = limits({"per": "client", "requests": "1/h", "burst": 4}), Clock()
    one, two = workers(tmp_path, clock, 2)
    assert [admitted(meters, bound) for meters in (one, two, one)] == [True] * 3
    one.close()
    two.close()
    clock.pass_by(60)
    [three] = workers(tmp_path, clock, 1)
    assert [admitted(three, bound) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("change", [3600.0, -3600.0, 1e9, -1e9])
def test_setting_the_clock_changes_nothing(tmp_path, change):
    """Neither does it lock anybody out, nor does it give anybody a burst."""
    bound, clock = limits({"per": "client", "requests": "60/h", "burst": 2}), Clock()
    one, two = workers(tmp_path, clock, 2)
    assert [admitted(one, bound) for _ in range(3)] == [True, True, False]
    clock.wall += change
    [three] = workers(tmp_path, clock, 1)
    assert [admitted(meters, bound) for meters in (one, two, three)] == [False] * 3
    clock.pass_by(60.1)
    assert [admitted(meters, bound) for meters in (three, two, one)] == [True, False, False]


@pytest.mark.parametrize(("off", "change", "more"), [(30.0, 0.0, 0), (90.0, 0.0, 1), (90.0, -9000.0, 0), (1e9, 0, 2)])
def test_a_machine_that_is_started_anew(tmp_path, off, change, more):
    """Time goes on by the wall clock while it is off; a clock that went back meanwhile only stands still."""
    bound, clock = limits({"per": "client", "requests": "60/h", "burst": 2}), Clock()
    [one] = workers(tmp_path, clock, 1)
    assert [admitted(one, bound) for _ in range(3)] == [True, True, False]
    clock.restart(off)
    clock.wall += change
    [two] = workers(tmp_path, clock, 1)
    assert sum(admitted(two, bound) for _ in range(4)) == more


def test_a_machine_that_does_not_tell_its_starts(tmp_path):
    """Where the system has no name for them, a clock that is behind itself tells."""
    bound, clock = limits({"per": "client", "requests": "60/h"}), Clock()
    [one] = workers(tmp_path, clock, 1)
    assert [admitted(one, bound) for _ in range(2)] == [True, False]
    clock.up, clock.wall = 3.0, clock.wall + 90
    [two] = workers(tmp_path, clock, 1)
    assert [admitted(two, bound) for _ in range(2)] == [True, False]


def test_concurrency_is_that_of_all_workers(tmp_path):
    """What one worker lets in counts with the other."""
    bound, clock = limits({"per": "client", "concurrency": 2}), Clock()
    one, two = workers(tmp_path, clock, 2)
    first, second = ask(one, bound), ask(two, bound)
    assert not admitted(one, bound)
    one.release(first)
    assert admitted(two, bound)
    assert not admitted(two, bound)
    two.release(second)
    assert admitted(one, bound)


def die(folder: str, ready: Any) -> None:
    """A worker that holds something when it ends."""
    meters = Meters(table(Path(folder)))
    bound = limits({"per": "client", "concurrency": 2}, {"per": "client", "tokens": "1000/h"})
    held = ask(meters, bound)
    meters.reserve(bound.body, WHO, (1.0, 800.0, 0.0), meters.now(), held)
    ready.send(True)
    signal.pause()


@pytest.mark.parametrize("how", ["started anew", "swept"])
def test_what_a_dead_worker_held_is_free(tmp_path, how):
    """Its column is cleared by whoever is started next, and by the others when they look."""
    bound = limits({"per": "client", "concurrency": 1}, {"per": "client", "tokens": "1000/h"})
    clock = Clock()
    [other] = workers(tmp_path, clock, 1)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe()
    process = context.Process(target=die, args=(str(tmp_path), sender))
    process.start()
    assert receiver.recv()
    assert not admitted(other, bound)
    process.kill()
    process.join()
    assert not admitted(other, bound)
    if how == "swept":
        other.sweep(other.now())
    else:
        workers(tmp_path, clock, 1)
    held = ask(other, bound)
    assert isinstance(held, Held)
    assert isinstance(other.reserve(bound.body, WHO, (1.0, 1000.0, 0.0), other.now(), held), Held)


def test_there_are_so_many_workers(tmp_path):
    """One more than there are columns has to count by itself; one that ends makes room."""
    clock = Clock()
    all_ = [table(tmp_path, clock) for _ in range(COLUMNS)]
    assert sorted(one.column for one in all_) == list(range(COLUMNS))
    with pytest.raises(OSError, match="32 workers use it already"):
        table(tmp_path, clock)
    all_[5].close()
    assert table(tmp_path, clock).column == 5


def strangers(number: int) -> list[Who]:
    """So many callers."""
    return [Who(f"198.51.{one // 250}.{one % 250}", None, "/v1/", None) for one in range(number)]


def test_a_full_table(tmp_path, caplog):
    """Who has no room in it is held to the limit by each worker alone, which is told once; nobody goes free."""
    bound, clock = limits({"per": "address", "requests": "1/h", "burst": 2, "concurrency": 2}), Clock()
    [meters] = workers(tmp_path, clock, 1)
    many = strangers(SMALL + WINDOW)
    for who in many:
        assert [admitted(meters, bound, who) for _ in range(3)] == [True, True, False]
    assert len(meters.finder.strays) > 0
    assert [record.message for record in caplog.records if "is full" in record.message] == [
        "the table of limits is full: each worker holds further callers to their limits by itself"
    ]
    meters.sweep(meters.now())
    assert not any(admitted(meters, bound, who) for who in many)


def test_what_is_whole_makes_room(tmp_path):
    """A cell whose burst is back is another caller's, and what was counted alone meanwhile moves into the table."""
    bound, clock = limits({"per": "address", "requests": "1/h"}), Clock()
    [meters] = workers(tmp_path, clock, 1)
    many = strangers(4 * SMALL)
    assert all(admitted(meters, bound, who) for who in many)
    there = len(meters.finder.strays)
    assert there > 0
    clock.pass_by(3_000)
    late = [who for who in strangers(5 * SMALL)[4 * SMALL :] if admitted(meters, bound, who)]
    clock.pass_by(601)
    meters.sweep(meters.now())
    assert not any(admitted(meters, bound, who) for who in late)
    assert all(admitted(meters, bound, who) for who in many[:20])


def test_what_was_not_told_and_has_come_back_makes_room(tmp_path):
    """Whoever was to tell it may be dead, and nothing is owed any more."""
    cells = table(tmp_path, cells=1)
    for name in range(1, WINDOW + 1):
        index = cells.find(name, 0.0)
        assert index is not None
        cells.spent[index] = 1.0
    cells.tat[0] = 5.0
    assert cells.find(WINDOW + 1, 4.0) == 1
    assert cells.find(WINDOW + 2, 5.0) == 0


def test_a_cell_in_which_something_is_held_stays(tmp_path):
    """However many others come: what is in progress is not forgotten."""
    bound, clock = limits({"per": "address", "concurrency": 1}), Clock()
    [meters] = workers(tmp_path, clock, 1)
    first, *others = strangers(10 * SMALL)
    held = ask(meters, bound, first)
    for who in others:
        meters.release(ask(meters, bound, who))
    assert not admitted(meters, bound, first)
    meters.release(held)
    assert admitted(meters, bound, first)


def test_who_cannot_have_the_lock_goes_on_and_tells_later(tmp_path):
    """Within milliseconds; what was let in without it is held meanwhile, so that no limit is loosened, and is counted
    with the next one.
    """
    bound, clock = limits({"per": "client", "requests": "1/h", "burst": 10, "concurrency": 99}), Clock()
    one, two = workers(tmp_path, clock, 2)
    assert admitted(one, bound)
    holder = os.open(tmp_path / "limits" / "table", os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    began = time.monotonic()
    held = [ask(one, bound) for _ in range(4)]
    assert time.monotonic() - began < 0.5
    assert all(isinstance(verdict, Held) for verdict in held)
    assert [admitted(one, bound) for _ in range(4)] == [True] * 4
    assert [admitted(two, bound) for _ in range(2)] == [True, False]
    os.close(holder)
    one.release(held[0])
    one.sweep(one.now())
    assert not admitted(two, bound)
    assert not one.owed


def test_a_lock_that_was_waited_for_in_vain_is_not_waited_for_again(tmp_path):
    """A process that is stopped in the middle costs others milliseconds once, not with every request."""
    bound, clock = limits({"per": "client", "requests": "1000/s", "burst": 1000}), Clock()
    [one] = workers(tmp_path, clock, 1)
    holder = os.open(tmp_path / "limits" / "table", os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    assert admitted(one, bound)
    assert one.table is not None
    assert not one.table.spins
    began = time.monotonic()
    assert all(admitted(one, bound) for _ in range(100))
    assert time.monotonic() - began < 0.1
    os.close(holder)
    assert admitted(one, bound)
    assert one.table.spins


def test_a_worker_that_dies_in_the_middle_leaves_the_lock(tmp_path):
    """The system takes it from a process that is gone."""
    clock = Clock()
    [meters] = workers(tmp_path, clock, 1)
    pid = os.fork()
    if pid == 0:
        own = os.open(tmp_path / "limits" / "table", os.O_RDWR)
        fcntl.flock(own, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert meters.table is not None
    assert meters.table.lock()


# Any interleaving.

STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.05, 0.1, 0.3, 1.0, 7.0])), max_size=80
)
EVENTS = st.sampled_from(["none"] * 12 + ["forward", "back", "dies", "restart"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(burst=st.integers(1, 5), steps=STEPS, data=st.data())
def test_any_interleaving_is_exact(tmp_path_factory, burst, steps, data):
    """Whichever worker a request comes to, whoever dies, whatever is done to the clock: in no span of time more than
    the burst and the rate are let in; and who asks when there is something left gets it.
    """
    close_all()
    folder, clock = tmp_path_factory.mktemp("any"), Clock()
    bound = limits({"per": "client", "requests": "10/s", "burst": burst})
    all_ = workers(folder, clock, 4)
    passed, times, level, at = 0.0, [], 0.0, 0.0
    for number, step in steps:
        clock.pass_by(step)
        passed += step
        match data.draw(EVENTS):
            case "forward":
                clock.wall += 1e6
            case "back":
                clock.wall -= 1e6
            case "dies":
                all_[number] = Meters(table(folder, clock))
            case "restart":
                for meters in all_:
                    meters.close()
                clock.restart(0.0)
                all_ = workers(folder, clock, 4)
        level, at = max(level - (passed - at) * 10, 0.0), passed
        fits = level + 1 <= burst + 1e-5
        assert admitted(all_[number], bound) is fits
        if fits:
            level += 1
            times.append(passed)
    for first, begin in enumerate(times):
        assert all(last - first + 1 <= burst + (times[last] - begin) * 10 + 1e-4 for last in range(first, len(times)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400), st.integers(0, 600)), max_size=40), data=st.data()
)
def test_settled_use_is_exact(tmp_path_factory, steps, data):
    """However much was reserved: what was used is let in up to burst and rate, where none used more than it reserved;
    and with all of it settled everything that was not used is there again.
    """
    close_all()
    folder, clock = tmp_path_factory.mktemp("any"), Clock()
    bound = limits({"per": "client", "tokens": "100/s"})
    all_ = workers(folder, clock, 3)
    open_: list[tuple[Meters, Held, int]] = []
    used: list[tuple[float, int]] = []
    for number, reserved, wanted in steps:
        meters = all_[number]
        held = meters.reserve(bound.body, WHO, (1.0, float(reserved), 0.0), meters.now(), None)
        if isinstance(held, Held):
            # Who reserves more than a whole burst may use it all.
            open_.append((meters, held, min(wanted, reserved, 100)))
        clock.pass_by(data.draw(st.sampled_from([0.0, 0.0, 0.1, 0.7, 3.0])))
        while open_ and data.draw(st.booleans()):
            meters, held, units = open_.pop(data.draw(st.integers(0, len(open_) - 1)))
            meters.settle(held, (1.0, float(units), 0.0), meters.now())
            meters.release(held)
            used.append((meters.now(), units))
    for first, (begin, _) in enumerate(used):
        for last in range(first, len(used)):
            assert sum(units for _, units in used[first : last + 1]) <= 100 + (used[last][0] - begin) * 100 + 1e-3
    for meters, held, _ in open_:
        meters.release(held)
    clock.pass_by(1.01)
    assert isinstance(all_[0].reserve(bound.body, WHO, (1.0, 100.0, 0.0), all_[0].now(), None), Held)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(burst=st.integers(1, 5), steps=STEPS, data=st.data())
def test_without_the_lock_nothing_is_loosened(tmp_path_factory, burst, steps, data):
    """Whenever somebody else holds the lock: in no span of time more than burst and rate are let in, and none of
    it is counted twice.
    """
    folder, clock = tmp_path_factory.mktemp("any"), Clock()
    bound = limits({"per": "client", "requests": "10/s", "burst": burst, "concurrency": 500})
    all_ = workers(folder, clock, 4)
    holder = os.open(folder / "limits" / "table", os.O_RDWR)
    all_[0].release(ask(all_[0], bound))  # who is new to the table needs the lock to have a cell
    clock.pass_by(1.0)
    passed, times, open_ = 0.0, [], []
    for number, step in steps:
        clock.pass_by(step)
        passed += step
        meters = all_[number]
        assert meters.table is not None
        busy = data.draw(st.booleans())
        if busy:
            meters.table.spins = False
            fcntl.flock(holder, fcntl.LOCK_EX)
        verdict = ask(meters, bound)
        if busy:
            fcntl.flock(holder, fcntl.LOCK_UN)
        if isinstance(verdict, Held):
            times.append(passed)
            open_.append((meters, verdict))
    for first, begin in enumerate(times):
        assert all(last - first + 1 <= burst + (times[last] - begin) * 10 + 1e-4 for last in range(first, len(times)))
    for meters, held in open_:
        meters.release(held)
    for meters in all_:
        meters.pay(meters.now())
    os.close(holder)
    clock.pass_by(len(times) / 10 + 0.01)
    assert [admitted(all_[0], bound) for _ in range(burst + 1)] == [True] * burst + [False]


# Real processes.

BURST = 2000
"""More than comes back in the longest time for which a busy machine lets nobody run."""


def hammer(folder: str, begin: Any, seconds: float, told: Any) -> None:
    """Ask for one key as fast as can be for so long; tell how many were let in, of how many, and from when to when."""
    meters = Meters(Table(Path(folder)))
    bound = limits({"per": "client", "requests": "2000/s", "burst": BURST})
    begin.wait()
    began = now = time.monotonic()
    admitted_ = asked = 0
    while now < began + seconds:
        asked += 1
        admitted_ += not isinstance(meters.admit(bound.head, WHO, meters.now()), Denied)
        now = time.monotonic()
    meters.sweep(meters.now())
    told.send((admitted_, asked, began, now))


def test_eight_processes_on_one_hot_key(tmp_path):
    """All of them together are let in as often as the limit says: never more, and at least 99 % of it."""
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(8)
    pipes, processes = [], []
    for _ in range(8):
        receiver, sender = context.Pipe(duplex=False)
        processes.append(context.Process(target=hammer, args=(str(tmp_path), begin, 2.0, sender)))
        pipes.append(receiver)
        processes[-1].start()
    meters, bound = Meters(Table(tmp_path)), limits({"per": "client", "requests": "2000/s", "burst": BURST})
    told = [pipe.recv() for pipe in pipes]
    rest = 0
    while not isinstance(meters.admit(bound.head, WHO, meters.now()), Denied):
        rest += 1
    end = time.monotonic()
    for process in processes:
        process.join()
    admitted_, asked, began, ended = (list(column) for column in zip(*told, strict=True))
    assert sum(asked) > 4 * sum(admitted_)
    assert sum(admitted_) <= BURST + 2000 * (max(ended) - min(began)) + 1
    # What nobody asked for, because the machine let nobody run, is there still.
    assert sum(admitted_) + rest >= 0.99 * (BURST + 2000 * (end - max(began)))
