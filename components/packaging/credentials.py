"""Content credentials (C2PA): what each picture says about its making, signed, so that it cannot be changed unseen."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL.Image import Image

from components.packaging.lineage import Lineage
from model.errors import UserError

LABEL = "org.withanyone.lineage"
LOCAL = "withanyone local test certificate"
_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_EDITED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_OPTIONS = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}
_DAYS = 365
_EFFORT = 1  # of zlib: pixels are a tenth larger than with its usual 6, and packed in a quarter of the time


class Credentials:
    """Signs pictures with one certificate, whose holder is `subject`."""

    def __init__(self, chain: bytes, key: bytes) -> None:
        """`chain` and `key` are PEM; raises UserError where they cannot sign."""
        try:
            self.subject = _common_name(x509.load_pem_x509_certificates(chain)[0])
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
        except (ValueError, c2pa.C2paError) as error:
            raise UserError(f"the signing certificate or its key cannot be used ({error}); give PEM files") from error
        self._context = c2pa.Context.from_dict(_OPTIONS)

    @classmethod
    def of(cls, certificate: Path | None, key: Path | None) -> Self:
        """Those of the operator's files; without them of a certificate made now, which vouches for nobody."""
        if certificate is None or key is None:
            return cls(*local_certificate())
        try:
            return cls(certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from error

    def sign(self, picture: Image, lineage: Lineage, inputs: dict[str, Any], *, edited: bool = False) -> bytes:
        """The picture as a PNG file with the lineage and the `inputs` that made it, signed and as text chunks.

        Of one that was `edited`, the credentials say that part of it is from a photo.
        """
        plain, signed = BytesIO(), BytesIO()
        picture.save(plain, format="PNG", pnginfo=lineage.text_chunks(**inputs), compress_level=_EFFORT)
        plain.seek(0)
        with c2pa.Builder(_manifest(lineage, inputs, _EDITED if edited else _MADE), self._context) as builder:
            builder.sign(self._signer, "image/png", plain, signed)
        return signed.getvalue()


def _manifest(lineage: Lineage, inputs: dict[str, Any], source: str) -> dict[str, Any]:
    made = {"action": "c2pa.created", "digitalSourceType": source}
    return {
        "claim_generator_info": [{"name": "withanyone", "version": lineage.version}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [made]}},
            {"label": LABEL, "data": {**lineage.model_dump(), **inputs}},
        ],
    }


def local_certificate() -> tuple[bytes, bytes]:
    """A certificate chain made now, with its key, as PEM: for trials, as nobody vouches for it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name(f"{LOCAL} (root)"), _name(LOCAL)
    root = (
        _unsigned(root_name, root_name, root_key, authority=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _unsigned(name, root_name, key, authority=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    return chain, key.private_bytes(pem, pkcs8, serialization.NoEncryption())


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
    )


def _name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "withanyone"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
