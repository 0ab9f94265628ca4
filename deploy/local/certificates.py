"""Certificates for the embedded Kafka, signed by its own certificate authority."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.login import USER, Secrets
from deploy.local.private import write
from hashtide.ports import HOST

DAYS: Final = 825
"""Validity of a certificate. It is replaced at the next start when it ends within RENEW_BEFORE."""
RENEW_BEFORE: Final = timedelta(days=30)


def lasts(certificate: Path) -> bool:
    """Whether the certificate exists and is valid for longer than RENEW_BEFORE. Reads a file."""
    if not certificate.exists():
        return False
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return ends > datetime.now(UTC) + RENEW_BEFORE


def certify(made: Secrets) -> None:
    """Write a CA certificate and two certificates signed by it. The CA's key is not stored: it never signs another."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("The authority of Hashtide's embedded stack")
    usage = {"digital_signature", "key_cert_sign", "crl_sign"}
    ca = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    for common_name, purpose in (("kafka", "server"), (USER, "client")):
        own = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))]
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]  # the broker logs in to itself
        certificate = (
            _builder(_name(common_name), name, own.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage({"digital_signature"}), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        if purpose == "server":
            write(made.server, private + pem)
        else:
            write(made.key, private)
            write(made.certificate, pem)
    write(made.ca, ca.public_bytes(serialization.Encoding.PEM))  # last: its existence means that all files are complete


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(what: set[str]) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    more = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in what for name in names + more})
