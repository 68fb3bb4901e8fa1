"""Costs of drawing: medians over batches, also of those before a kill."""

from pathlib import Path

from components.evaluation.costs import FILE, costs, note


def test_seconds_are_the_median_over_batches_and_survive_a_kill(tmp_path: Path) -> None:
    for pictures, seconds in ((4, 8.0), (4, 4.0), (2, 2.0)):
        note(tmp_path, pictures, seconds)
    with (tmp_path / FILE).open("a") as file:
        file.write("16")
    found = costs(tmp_path, "cpu")
    assert found["seconds_per_picture"] == 1.0
    assert found["peak_memory_bytes"] > 10 * 2**20
    assert found["device"] == "cpu"


def test_nothing_drawn_is_not_measured(tmp_path: Path) -> None:
    assert costs(tmp_path, "cpu")["seconds_per_picture"] is None
