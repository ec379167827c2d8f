"""TLS on the data listener: the context that handshakes are made under, and who a client's certificate says it is."""

from __future__ import annotations

import hashlib
import ssl

from guard.config import Tls

# Forward secrecy and authenticated encryption only; those of TLS 1.3 all are so.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TlsError(Exception):
    """Certificates that cannot be used: which `key` of the section's `tls` names them, and why."""

    def __init__(self, key: str, why: str, section: str = "data") -> None:
        super().__init__(f"{section}.tls.{key}: {why}")
        self.key = key
        self.why = why

    def of(self, section: str) -> TlsError:
        """The same, where the files are those of another listener."""
        return TlsError(self.key, self.why, section)


def server_context(tls: Tls) -> ssl.SSLContext | None:
    """What the listener's handshakes are made under; None where it speaks plain HTTP.

    Raises:
        TlsError: a file cannot be read, is not what it should be, or the key is another certificate's.
    """
    if tls.certificate is None or tls.key is None:
        return None
    _check_certificates("certificate", tls.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    _load_key(context, tls.certificate, tls.key)
    if tls.client_ca is not None:
        _check_certificates("client_ca", tls.client_ca)
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if tls.client == "required" else ssl.CERT_OPTIONAL
    return context


def fingerprint(session: ssl.SSLObject) -> str | None:
    """The SHA-256 of the certificate that the client has proven to hold, 64 hex digits; None: it showed none."""
    certificate = session.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else None


def _check_certificates(key: str, path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise TlsError(key, f"{path} holds no certificates; expected PEM") from None
    except OSError as error:
        raise TlsError(key, _unreadable(path, error)) from None


def _load_key(context: ssl.SSLContext, certificate: str, key: str) -> None:
    def passphrase() -> str:
        raise TlsError("key", f"{key} is encrypted; expected a key without a passphrase")

    try:
        with open(key, "rb"):  # noqa: PTH123 -- the error of load_cert_chain does not say which file it is about
            pass
        # Without a callback OpenSSL would ask the terminal.
        context.load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as error:
        wrong = "belongs to another certificate" if error.reason == "KEY_VALUES_MISMATCH" else "holds no private key"
        raise TlsError("key", f"{key} {wrong}; expected the PEM of the key of {certificate}") from None
    except OSError as error:
        raise TlsError("key", _unreadable(key, error)) from None


def _unreadable(path: str, error: OSError) -> str:
    return f"{path} cannot be read ({(error.strerror or type(error).__name__).lower()}); expected a PEM file"
