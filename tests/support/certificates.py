"""Certificates for the listener and its clients, made for the test."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import trustme


class Certificates:
    """An authority, the listener's files signed by it, and clients' certificates."""

    def __init__(self, folder: Path, name: str = "guard") -> None:
        self.authority = trustme.CA()
        self.ca = folder / f"{name}-ca.pem"
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self.write(self.authority.issue_cert("localhost", "127.0.0.1"))

    def write(self, leaf: trustme.LeafCert) -> None:
        """Put a certificate and its key where the listener's are."""
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.key))

    def renew(self) -> str:
        """Sign another certificate for the listener; gives its SHA-256."""
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        self.write(leaf)
        return sha256(leaf)

    def trusting(self, leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """What a client connects under, with a certificate of its own or without."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if leaf is not None:
            leaf.configure_cert(context)
        return context


def sha256(leaf: trustme.LeafCert) -> str:
    """A certificate's fingerprint, as the configuration has it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())).hexdigest()
