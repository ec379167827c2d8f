"""A folder of rules as it is, to be checked elsewhere: the files with rules, and the phrase lists that they name."""

from __future__ import annotations

from datetime import UTC, datetime

from guard.ruleset.files import Files
from guard.ruleset.folder import Folder
from guard.ruleset.parcel import ParcelError, pack
from guard.ruleset.problem import BundleError, Problem


def gathered(source: Files) -> bytes:
    """Its parcel, whatever the rules in it are worth.

    Raises:
        BundleError: a file cannot be read, which nobody else could tell, or they are too many or too large.
    """
    kept = _Kept(source)
    folder = Folder(kept, datetime.now(UTC))
    if kept.failed:
        raise BundleError(folder.problems)
    try:
        return pack(kept.files)
    except ParcelError as error:
        raise BundleError([Problem(file="", why=str(error))]) from None


class _Kept:
    """Files that are kept as they are read (see `guard.ruleset.files.Files`)."""

    def __init__(self, source: Files) -> None:
        self._source = source
        self.files: dict[str, bytes] = {}
        self.failed = False

    def __str__(self) -> str:
        return str(self._source)

    def rules(self) -> list[str]:
        """The names of the files with rules."""
        try:
            return self._source.rules()
        except ValueError:
            self.failed = True
            raise

    def read(self, name: str) -> bytes:
        """A file's content."""
        try:
            content = self.files[name] = self._source.read(name)
        except ValueError:
            self.failed = True
            raise
        return content
