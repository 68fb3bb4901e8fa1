"""The gate step: decision and page are written, the same bytes on each replay, wherever the champion lies."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.gate.again import replay_decision
from components.gate.config import GateConfig
from components.gate.step import run
from components.tombstones import Tombstone, Tombstones, name_digest
from model.artefacts import read_json
from model.errors import UserError
from tests.validation.gate.evidence import Wishes, make


def test_the_decision_is_replayed_byte_for_byte(tmp_path: Path) -> None:
    made = make(tmp_path / "new", Wishes({"sim_gt": 0.05}))
    champion = make(tmp_path / "old", Wishes(weights="old"), made.dataset)
    config = GateConfig(champion=str(champion.scores))
    for name in ("first", "second"):
        run(**made.paths(), decision=tmp_path / name, config=config)
    first, second = ((tmp_path / name / "decision.json").read_bytes() for name in ("first", "second"))
    assert first == second
    decision = read_json(tmp_path / "first" / "decision.json")
    assert decision["verdict"] == "promote"
    assert set(decision["inputs"]) == {"dataset", "validation", "model", "scores", "champion_scores"}
    assert "Promote" in (tmp_path / "first" / "report.html").read_text()


def test_settings_may_name_what_is_below_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path / "new", Wishes({"sim_gt": 0.05}))
    champion = make(tmp_path / "old", Wishes(weights="old"), made.dataset)
    monkeypatch.setenv("HOME", str(champion.scores.parent))
    Tombstones().write(champion.scores.parent)
    config = GateConfig(champion=f"~/{champion.scores.name}", forgotten="~")
    run(**made.paths(), decision=tmp_path / "decision", config=config)
    assert read_json(tmp_path / "decision" / "decision.json")["verdict"] == "promote"
    assert replay_decision(tmp_path / "decision", made.paths(), config.champion, config.forgotten).changes == []
    run(**made.paths(), decision=tmp_path / "nobody", config=GateConfig(champion="~nobody-of-that-name/scores"))
    assert read_json(tmp_path / "nobody" / "decision.json")["verdict"] == "reject"


def test_broken_evidence_is_a_decision(tmp_path: Path) -> None:
    made = make(tmp_path / "new")
    (made.scores / "scores.json").write_text("<script>")
    run(**made.paths(), decision=tmp_path / "decision", config=GateConfig())
    assert read_json(tmp_path / "decision" / "decision.json")["verdict"] == "reject"
    assert "Reject" in (tmp_path / "decision" / "report.html").read_text()


def test_a_list_of_people_to_forget_under_another_name_is_refused(tmp_path: Path) -> None:
    """It would be looked for as forgotten.json, and nobody found."""
    made = make(tmp_path / "new")
    (tmp_path / "people").write_text("{}")
    with pytest.raises(UserError, match=r"another name than forgotten\.json"):
        run(**made.paths(), decision=tmp_path / "decision", config=GateConfig(forgotten=str(tmp_path / "people")))


def test_settings_are_strict() -> None:
    with pytest.raises(ValidationError, match="intended_use"):
        GateConfig.model_validate({"intended_use": "fun"})
    with pytest.raises(ValidationError, match="gains"):
        GateConfig.model_validate({"gains": 0.1})
    with pytest.raises(ValidationError, match=r"name the photo folder, or the file forgotten\.json"):
        GateConfig.model_validate({"forgotten": "photos/gone.json"})
    assert GateConfig.model_validate_json('{"refused_licences": ["NoAI"]}').refused_licences == ("NoAI",)


def test_a_photo_folder_is_looked_into_when_the_gate_decides(tmp_path: Path) -> None:
    made, photos = make(tmp_path / "new"), tmp_path / "photos"
    config = GateConfig(forgotten=str(photos))
    run(**made.paths(), decision=tmp_path / "absent", config=config)
    assert read_json(tmp_path / "absent" / "decision.json")["verdict"] == "reject"
    photos.mkdir()
    run(**made.paths(), decision=tmp_path / "none", config=config)
    assert read_json(tmp_path / "none" / "decision.json")["verdict"] == "promote"
    stone = Tombstone(name_sha256=name_digest("P03"), photos=(), since=date(2026, 1, 2))
    Tombstones(people=(stone,)).write(photos)
    run(**made.paths(), decision=tmp_path / "one", config=config)
    assert "no open deletion request" in read_json(tmp_path / "one" / "decision.json")["reason"]
    assert replay_decision(tmp_path / "one", made.paths(), "", str(photos)).changes == []
