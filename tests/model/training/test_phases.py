"""Phases: the published numbers, the learning rate's course, which phase a step belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.phases import Phase, paper_phases, phase_at, total_steps


def test_the_published_schedule() -> None:
    phases = paper_phases()
    assert [phase.steps for phase in phases] == [20_000, 40_000, 30_000, 10_000]
    assert [phase.learning_rate for phase in phases] == [1e-4, 1e-4, 1e-4, 1e-5]
    assert [phase.fixed_prompt for phase in phases] == [1, 0.1, 0.1, 0.1]
    assert [phase.paired for phase in phases] == [0, 0, 0.5, 0.5]
    assert total_steps(phases) == 100_000


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_every_step_belongs_to_one_phase(lengths: list[int]) -> None:
    phases = tuple(Phase(name=str(n), steps=steps, learning_rate=1e-3) for n, steps in enumerate(lengths))
    found = [(phase.name, within) for phase, within in (phase_at(phases, step) for step in range(sum(lengths)))]
    assert found == [(str(n), within) for n, steps in enumerate(lengths) for within in range(steps)]
    with pytest.raises(IndexError):
        phase_at(phases, sum(lengths))


def test_the_rate_rises_then_falls_to_its_share() -> None:
    phase = Phase(name="a", steps=101, learning_rate=1e-3, warmup=9, final_rate=0.2)
    rates = [phase.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == pytest.approx(1e-3, rel=0.1)
    assert rates[-1] == pytest.approx(2e-4)
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_gates_that_nothing_passes_are_refused_and_drawn_pictures_pass_any() -> None:
    kind = {"name": "a", "steps": 1, "learning_rate": 1e-3}
    for gates in ({"gate_from": 0.8, "gate": 0.2}, {"gate_from": 0.5, "gate": 0.5}):
        with pytest.raises(ValueError, match=r"has gate_from 0\.\d and gate 0\.\d, between which no noise level lies"):
            Phase.model_validate(kind | gates)
    assert Phase.model_validate(kind | {"gate_from": 0.2, "gate": 0.8}).judged
    assert not Phase.model_validate(kind | {"gate": 0.0}).judged
    assert Phase.model_validate(kind | {"gate": 0.0, "drawn": 2}).judged
