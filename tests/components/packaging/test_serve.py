"""How a Bento is started: by its full path, on loopback, on the sources it carries."""

import socket
from pathlib import Path

import pytest

from components.packaging.serve import check_address, command, environment
from model.artefacts import write_json
from model.errors import UserError


def test_a_relative_folder_is_served_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "bento").mkdir(parents=True)
    (tmp_path / "data" / "bento" / "bento.yaml").touch()
    monkeypatch.chdir(tmp_path)
    words = command(Path("data/bento"))
    assert words[words.index("serve") + 1] == str((tmp_path / "data" / "bento").resolve())
    assert words[words.index("--host") + 1] == "127.0.0.1"


def test_a_folder_without_a_service_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no bento\.yaml"):
        command(tmp_path)
    write_json(tmp_path / "skipped.json", {"schema": 1, "reason": "the verdict is 'reject'"})
    with pytest.raises(UserError, match="holds no service: the verdict"):
        command(tmp_path)


def test_an_address_where_nobody_can_listen_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"--host '127\.0\.0\.1' --port {port} \(Address already in use\): give"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
    with pytest.raises(UserError, match=r"--host 'no\.such\.host\.invalid'"):
        check_address("no.such.host.invalid", port)


def test_the_callers_sources_are_not_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    found = environment(tmp_path)
    assert "PYTHONPATH" not in found
    assert found["BENTOML_HOME"] == str(tmp_path)
