"""Content credentials: what was signed is read again, and what was changed, stripped or signed by others is told."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.packaging.credentials import LOCAL, Credentials, local_certificate
from components.packaging.reading import read_anchors, read_credentials
from model.errors import UserError
from tests.components.packaging.files import encoded, pixels
from tests.components.packaging.small import LINEAGE


@pytest.fixture(scope="module")
def chain() -> tuple[bytes, bytes]:
    return local_certificate()


@pytest.fixture(scope="module")
def signed(chain: tuple[bytes, bytes]) -> bytes:
    return Credentials(*chain).sign(pixels(), LINEAGE, {"seed": 7, "id_weight": 0.5, "steps": "default"})


def test_lineage_and_inputs_are_read_again(signed: bytes) -> None:
    found = read_credentials(signed)
    assert found.lineage == {**LINEAGE.model_dump(), "seed": 7, "id_weight": 0.5, "steps": "default"}
    assert (found.state, found.signer) == ("Valid", LOCAL)
    with Image.open(BytesIO(signed)) as picture:
        assert (np.asarray(picture) == np.asarray(pixels())).all()
        assert picture.text["withanyone.seed"] == "7"  # type: ignore[attr-defined]


def test_an_anchor_makes_it_trusted_and_another_does_not(
    signed: bytes, chain: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "anchors.pem").write_bytes(chain[0])
    assert read_credentials(signed, read_anchors(tmp_path / "anchors.pem")).state == "Trusted"
    other = read_credentials(signed, local_certificate()[0])
    assert other.state != "Trusted"
    assert any("untrusted" in problem for problem in other.problems)


def test_a_changed_picture_is_told(signed: bytes) -> None:
    for place in (len(signed) - 60, len(signed) // 2 + 2000):
        changed = bytearray(signed)
        changed[place] ^= 1
        found = read_credentials(bytes(changed))
        assert found.state == "Invalid"
        assert any("mismatch" in problem for problem in found.problems)


def test_what_carries_none_is_refused(signed: bytes) -> None:
    with Image.open(BytesIO(signed)) as picture:
        stripped = encoded(picture.copy())
    with pytest.raises(UserError, match="carries no content credentials"):
        read_credentials(stripped)
    with pytest.raises(UserError, match="is no PNG, JPEG or WebP picture"):
        read_credentials(b"hello")


def test_the_operators_certificate_signs(chain: tuple[bytes, bytes], tmp_path: Path) -> None:
    for name, content in zip(("chain.pem", "key.pem"), chain, strict=True):
        (tmp_path / name).write_bytes(content)
    credentials = Credentials.of(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert read_credentials(credentials.sign(pixels(), LINEAGE, {}), chain[0]).state == "Trusted"


def test_files_that_cannot_sign_are_refused(chain: tuple[bytes, bytes], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        Credentials.of(tmp_path / "none", tmp_path / "none")
    for bad in ((b"no pem", chain[1]), (chain[0], b"no pem")):
        with pytest.raises(UserError, match="cannot be used"):
            Credentials(*bad)
