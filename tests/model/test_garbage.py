"""Garbage is looked for after imports as before them, and not among what they have left."""

import gc
from dataclasses import replace

import pytest

from components.steps import GATE, STEPS, Step
from model.garbage import imports_stay


def test_what_is_there_at_the_end_is_looked_through_no_more() -> None:
    before = gc.get_freeze_count()
    with imports_stay():
        kept = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= before + len(kept)
    gc.unfreeze()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_that_is_loaded_leaves_collection_as_it_was(step: Step) -> None:
    before = gc.isenabled(), gc.get_threshold()
    assert callable(step.run())
    assert (gc.isenabled(), gc.get_threshold()) == before
    gc.unfreeze()


def test_so_does_one_that_cannot_be_loaded() -> None:
    before = gc.get_threshold()
    with pytest.raises(ModuleNotFoundError):
        replace(GATE, module="missing").run()
    assert gc.get_threshold() == before
