"""The rules that a worker has: the configured ones or those that were pushed, and what commands have changed in them.

What was pushed is made ready off the loop, and so is what was added. Until it is, the rules so far stay in force, and
all else that is ordered meanwhile comes into force with them. What was in force lately is remembered, so that the way
back takes no time.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from guard.config import Rules as Bounds
from guard.custody.bundles import Shelf, Stamp
from guard.measures import Measures
from guard.ruleset.bundle import Bundle, load
from guard.ruleset.emergency import with_added
from guard.ruleset.files import Directory
from guard.ruleset.parcel import Parcel
from guard.ruleset.problem import BundleError
from guard.ruleset.ready import Prepared, Ready, prepare, restored

REMEMBERED = 4
"""Bundles in memory, as they are compiled."""

logger = logging.getLogger("guard.rules")


class Work(NamedTuple):
    """What is to be made ready: the bundle with that hash, for these bounds."""

    name: str
    bounds: Bounds


class Fault(NamedTuple):
    """Why a bundle is not to be had, and what there was of it."""

    why: str
    stamp: Stamp


Composed = tuple[object, Bundle | Exception]
"""What base, additions and disabled rules come to, or why to nothing."""


class Rulebook:
    """Which rules are in force, and which are to be. For one thread; what takes time is `make` and `compose`.

    Attributes:
        base: those in force, but for what was added or disabled by command.
        pushed: the hash of `base`, if it was pushed; None: it is the configured one.
        waits: the hash of what was pushed and is being made ready; None: nothing is.
        fault: why what was pushed is not in force; empty: it is, or will be.
    """

    def __init__(self, shelf: Shelf, bounds: Bounds, configured: Bundle) -> None:
        self._shelf = shelf
        self._bounds = bounds
        self._configured = configured
        self._remembered: OrderedDict[str, Bundle] = OrderedDict()
        self._failed: str | None = None
        self._stamp: Stamp | None = None
        self._composed: Composed | None = None
        self.base = configured
        self.pushed: str | None = None
        self.waits: str | None = None
        self.fault = ""

    def want(self, pushed: str | None) -> None:
        """Take what the control log says: the rules with that hash are to be in force, or (None) the configured ones.

        They are at once, if they are at hand; else they are what `work` gives.
        """
        if pushed is None or pushed in self._remembered:
            self._settle(pushed)
        elif pushed not in (self.waits, self._failed):
            self._forgive()
            self.waits = pushed

    def work(self) -> Work | None:
        """What has to be made ready; None: nothing. What failed is tried again when its files are others."""
        if self._failed is not None and self._shelf.stamp(self._failed) != self._stamp:
            self.waits = self._failed
            self._forgive()
        return Work(self.waits, self._bounds) if self.waits is not None else None

    def make(self, work: Work) -> Bundle | Fault:
        """Make a bundle ready, which may take seconds: for any thread."""
        stamp = self._shelf.stamp(work.name)
        try:
            found = made(self._shelf, work)
        except (BundleError, OSError, ValueError) as error:
            return Fault(str(error), stamp)
        except Exception as error:
            logger.exception("the rules %s met a fault in the guard", work.name)
            return Fault(f"a fault in the guard ({error})", stamp)
        return Fault("they are not here, or damaged", stamp) if found is None else found

    def take(self, work: Work, found: Bundle | Fault) -> None:
        """Take what was made. It is in force now, unless something else is wanted by now."""
        if work.bounds != self._bounds:
            return
        if isinstance(found, Bundle):
            self._remember(work.name, found)
            if work.name == self.waits:
                self._settle(work.name)
        elif work.name == self.waits:
            self.waits, self._failed, self._stamp = None, work.name, found.stamp
            self.fault = f"the rules {work.name[:12]}, which were pushed, are not in force: {found.why}"
            logger.error("%s", self.fault)

    def start(self, pushed: str | None) -> None:
        """Take the rules that are to be in force, as somebody who begins; where there are none, those of before.

        Takes as long as `make` does.
        """
        self.want(pushed)
        work = self.work()
        if work is None:
            return
        self.take(work, self.make(work))
        for name in self._shelf.known_good() if self.fault else ():
            before = Work(name, self._bounds)
            found = self.make(before)
            if isinstance(found, Bundle):
                self._remember(name, found)
                self.base, self.pushed = found, name
                logger.error("the rules %s, which were in force before, are in their place", name[:12])
                return
        if self.fault:
            logger.error("the configured rules are in their place")

    def reconfigure(self, bounds: Bounds, configured: Bundle, pushed: str | None) -> None:
        """The configuration was read again; what was pushed stays in force, or is tried again."""
        if bounds != self._bounds:
            self._remembered.clear()
        self._bounds, self._configured = bounds, configured
        self._forgive()
        self.waits = None
        self.want(pushed)

    def rules(self, measures: Measures) -> Bundle | None:
        """The rules in force with what these measures add and take out; None: that is to be composed first.

        Raises:
            BundleError: a rule that was added cannot be compiled here.
        """
        if self.lacks(measures):
            return None
        if self._composed is None or not _changes(measures):
            return self.base
        found = self._composed[1]
        if isinstance(found, Exception):
            # It is raised for every order, and is not to keep the frames of all of them.
            raise found.with_traceback(None)
        return found

    def lacks(self, measures: Measures) -> bool:
        """Whether what these measures add and take out is to be composed."""
        key = self.base, measures.rules, measures.disabled
        return _changes(measures) and (self._composed is None or self._composed[0] != key)

    def compose(self, measures: Measures) -> Composed:
        """Compose it, which may take seconds: for any thread."""
        base = self.base
        key = base, measures.rules, measures.disabled
        try:
            return key, composed(base, measures, self._bounds)
        except BundleError as error:
            return key, error
        except Exception as error:
            logger.exception("rules that were added met a fault in the guard")
            return key, error

    def keep(self, found: Composed) -> None:
        """Take what was composed."""
        self._composed = found

    def _settle(self, pushed: str | None) -> None:
        before, self.pushed = self.pushed, pushed
        self.waits = None
        self._forgive()
        if pushed is None:
            self.base = self._configured
        else:
            self.base = self._remembered[pushed]
            self._remembered.move_to_end(pushed)
            self._shelf.used(pushed)
        if pushed != before:
            what = f"{pushed[:12]}, which were pushed" if pushed is not None else "the configured ones again"
            logger.info("the rules are %s", what)

    def _remember(self, name: str, bundle: Bundle) -> None:
        self._remembered[name] = bundle
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _forgive(self) -> None:
        self._failed, self._stamp, self.fault = None, None, ""


def _changes(measures: Measures) -> bool:
    return bool(measures.rules or measures.disabled)


def publish(shelf: Shelf, prepared: Prepared, in_force: Collection[str | None]) -> None:
    """Put a bundle where the workers look, as it is and as it was compiled, before the change that names it is made.

    Those in force stay there, of the others those that were used last.

    Raises:
        OSError: it cannot be written.
    """
    name = prepared.bundle.hash
    shelf.put(name, prepared.parcel)
    shelf.put_ready(prepared.ready)
    shelf.prune({name, *in_force})


def configured(bounds: Bounds, shelf: Shelf, *, anew: bool) -> Bundle:
    """The rules in the configured folder, compiled as far as they were not the last time.

    With `anew` False, and something wrong in the folder by now, they are what they were the last time.

    Raises:
        BundleError: they are not fit to be used.
    """
    if bounds.dir is None:
        return load(None, engine=bounds.engine, hold_back=bounds.hold_back)
    before = _read(shelf.configured)
    files = Directory(Path(bounds.dir))
    try:
        found = prepare(files, engine=bounds.engine, hold_back=bounds.hold_back, before=before)
    except BundleError as error:
        if anew or before is None:
            raise
        logger.error("the rules in %s are not fit to be used, and those of before are in their place: %s", files, error)
        return restored(before, engine=bounds.engine, hold_back=bounds.hold_back)[0]
    if found.ready != before:
        _keep(shelf.put_configured, found.ready)
    return found.bundle


def composed(base: Bundle, measures: Measures, bounds: Bounds) -> Bundle:
    """Rules with what measures add and take out.

    Raises:
        BundleError: a rule that was added cannot be compiled here.
    """
    added = [rule for rule in measures.rules if rule.id not in measures.disabled]
    kept = base.without(measures.disabled)
    return with_added(kept, added, engine=bounds.engine, hold_back=bounds.hold_back)


def made(shelf: Shelf, work: Work) -> Bundle | None:
    """A bundle, ready to be used: as it was compiled before, else compiled now and kept. None: it is not here.

    Of all processes of a node one compiles, and the others wait for what it keeps.

    Raises:
        BundleError: it cannot be used here.
        OSError: it cannot be read.
    """
    found = _restored(shelf, work)
    if found is None:
        with shelf.compiling():
            found = _restored(shelf, work) or _compiled(shelf, work)
    return found


def _restored(shelf: Shelf, work: Work) -> Bundle | None:
    ready = _read(lambda: shelf.ready(work.name))
    if ready is None:
        return None
    bundle, new = restored(ready, engine=work.bounds.engine, hold_back=work.bounds.hold_back)
    if new is not ready:
        _keep(shelf.put_ready, new)
    return bundle


def _compiled(shelf: Shelf, work: Work) -> Bundle | None:
    parcel = shelf.get(work.name)
    if parcel is None:
        return None
    found = prepare(Parcel(parcel), engine=work.bounds.engine, hold_back=work.bounds.hold_back)
    if found.bundle.hash != work.name:
        raise ValueError("there are files in them that no rule names")
    _keep(shelf.put_ready, found.ready)
    return found.bundle


def _read(ask: Callable[[], Ready | None]) -> Ready | None:
    """What was compiled before; it can be done without."""
    try:
        return ask()
    except OSError as error:
        logger.warning("rules that were compiled before cannot be read, and are compiled again: %s", error)
        return None


def _keep(put: Callable[[Ready], None], ready: Ready) -> None:
    try:
        put(ready)
    except OSError as error:
        logger.warning("the rules that were compiled are not kept, so that others compile them too: %s", error)
