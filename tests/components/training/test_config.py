"""The train step's settings: defaults, strictness, effort."""

import pytest
from pydantic import ValidationError

from components.training.config import TrainingConfig
from model.training.phases import paper_phases, retrain_phases, total_steps


def test_defaults_survive_json_and_plain_dictionaries() -> None:
    config = TrainingConfig()
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
    assert TrainingConfig.model_validate(config.model_dump()) == config


def test_phases_may_be_written_as_in_yaml() -> None:
    config = TrainingConfig.model_validate({"phases": [{"name": "a", "steps": 3, "learning_rate": 0.001}]})
    assert total_steps(config.phases) == 3


def test_each_preset_has_phases_and_checkpoints_of_its_own() -> None:
    assert TrainingConfig().phases == retrain_phases()
    assert [TrainingConfig(preset=name).checkpoint_every for name in ("nano", "flux-dev")] == [20, 500]
    assert TrainingConfig(preset="flux-dev", checkpoint_every=50).checkpoint_every == 50
    for name in ("flux-dev", "flux-kontext"):
        assert TrainingConfig(preset=name).phases == paper_phases()
        assert TrainingConfig(preset=name, phases=retrain_phases()).phases == retrain_phases()


def test_a_schedule_of_phases_is_asked_for_by_its_name() -> None:
    assert TrainingConfig.model_validate_json('{"phases": "paper"}').phases == paper_phases()
    assert TrainingConfig.model_validate({"phases": "preset", "preset": "flux-dev"}).phases == paper_phases()
    assert TrainingConfig.model_validate({"phases": "retrain"}).phases == retrain_phases()
    with pytest.raises(ValidationError, match="'papers' is no schedule; give a list of phases, or one of preset, pap"):
        TrainingConfig.model_validate({"phases": "papers"})


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"unknown": 1}, "unknown"),
        ({"batch": "16"}, "batch"),
        ({"phases": []}, "phases"),
        ({"phases": [{"name": "a", "steps": 3, "learning_rate": 0.001, "colour": 1}]}, "colour"),
        ({"phases": [{"name": "a", "steps": 3, "learning_rate": 0.1}] * 2}, "2 phases are called 'a'"),
        ({"effort": 0}, "effort"),
        (
            {"recompute": 0.5, "phases": [{"name": "a", "steps": 3, "learning_rate": 0.1, "drawn": 4}]},
            "recompute is 0.5",
        ),
    ],
)
def test_unknown_and_ill_typed_settings_are_refused_by_name(settings: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        TrainingConfig.model_validate(settings)


def test_effort_shortens_every_phase_to_no_less_than_a_step() -> None:
    config = TrainingConfig.model_validate(
        {
            "effort": 0.1,
            "phases": [{"name": name, "steps": steps, "learning_rate": 0.1} for name, steps in (("a", 30), ("b", 2))],
        }
    )
    assert [phase.steps for phase in config.planned().phases] == [3, 1]
    assert config.planned().planned() == config.planned()
