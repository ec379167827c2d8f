"""Rules that were pushed, by the hash of their parcel, for the machines that do not have them yet.

The order of changes says which rules are in force; here is only what they are. Whatever is read is held against its
hash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256

from guard.store.errors import StoreError

KEPT = 10
"""How many there are, those that were offered last."""


class Bundles(ABC):
    """The parcels in a store. Every method may raise StoreError: it cannot be reached, is too slow, or refuses.

    Attributes:
        address: where the store is, as it may be shown.
    """

    address: str

    def get(self, name: str) -> bytes | None:
        """The parcel with that hash; None: it is not there.

        Raises:
            StoreError: what is there has another hash.
        """
        data = self.fetch(name)
        if data is not None and sha256(data).hexdigest() != name:
            raise StoreError(f"the store {self.address}: what it has as the rules {name[:12]} are others")
        return data

    @abstractmethod
    def fetch(self, name: str) -> bytes | None:
        """What is there by that hash, whatever it is; None: nothing."""

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Offer a parcel to all; it is sent only if it is not there yet, or not as it was."""
