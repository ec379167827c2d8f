import ssl

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from guard.config import Tls
from guard.wire.tls import TlsError, server_context
from tests.support.certificates import Certificates


@pytest.fixture
def files(tmp_path):
    """An authority and the listener's certificate."""
    return Certificates(tmp_path)


def made(files, **other) -> Tls:
    """The configuration of these files, but for what is given."""
    return Tls(**{"certificate": str(files.certificate), "key": str(files.key), **other})


def test_without_certificate_there_is_no_tls():
    """Plain HTTP has no context."""
    assert server_context(Tls()) is None


def test_what_the_listener_speaks(files):
    """TLS 1.2 and later, forward secrecy and authenticated encryption, no renegotiation, no client certificate."""
    context = server_context(made(files))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert all(c["aead"] and c["kea"] in {"kx-ecdhe", "kx-any"} for c in context.get_ciphers())


@pytest.mark.parametrize(("client", "mode"), [("required", ssl.CERT_REQUIRED), ("optional", ssl.CERT_OPTIONAL)])
def test_clients_certificates_are_verified(files, client, mode):
    """With an authority named, clients must or may show a certificate."""
    context = server_context(made(files, client_ca=str(files.ca), client=client))
    assert context is not None
    assert context.verify_mode is mode
    assert context.cert_store_stats()["x509_ca"] == 1


def test_files_that_cannot_be_used_are_told(files, tmp_path):
    """The error names the key, the file, what is wrong with it and what was expected."""
    other = Certificates(tmp_path, "other")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    nowhere = str(tmp_path / "nowhere.pem")
    locked = tmp_path / "locked.key"
    key = load_pem_private_key(files.key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    for given, told in {
        ("certificate", nowhere): f"data.tls.certificate: {nowhere} cannot be read (no such file or directory)",
        ("certificate", str(files.key)): f"data.tls.certificate: {files.key} holds no certificates; expected PEM",
        ("key", nowhere): f"data.tls.key: {nowhere} cannot be read (no such file or directory)",
        ("key", str(empty)): f"data.tls.key: {empty} holds no private key; expected the PEM of the key of",
        ("key", str(files.certificate)): f"data.tls.key: {files.certificate} holds no private key; expected",
        ("key", str(other.key)): f"data.tls.key: {other.key} belongs to another certificate; expected the PEM of",
        ("key", str(locked)): f"data.tls.key: {locked} is encrypted; expected a key without a passphrase",
        ("client_ca", nowhere): f"data.tls.client_ca: {nowhere} cannot be read (no such file or directory)",
        ("client_ca", str(empty)): f"data.tls.client_ca: {empty} holds no certificates; expected PEM",
        ("client_ca", str(tmp_path)): f"data.tls.client_ca: {tmp_path} cannot be read (is a directory)",
    }.items():
        with pytest.raises(TlsError) as error:
            server_context(made(files, **dict([given])))
        assert str(error.value).startswith(told)


def test_a_certificate_may_have_its_chain_with_it(files):
    """An intermediate authority stands in the same file."""
    between = files.authority.create_child_ca()
    files.write(between.issue_cert("localhost"))
    assert files.certificate.read_text().count("BEGIN CERTIFICATE") == 2
    assert server_context(made(files)) is not None
