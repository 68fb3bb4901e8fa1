"""The ablation's page: arms with intervals, what each adds, what was cut short."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.ablation_page import write_page
from model.artefacts import write_json

ARMS = {"(a) first": 0.10, "(b) second <b>": 0.30}


def finished(out: Path) -> list[Path]:
    folders = []
    for arm, mean in ARMS.items():
        for seed in (1, 2):
            folder = out / f"{arm[1]}-seed{seed}"
            folder.mkdir()
            steps = 9 if (arm[1], seed) == ("b", 2) else 10
            draws = np.random.default_rng([seed])
            same = {"case_id": [f"c{k}" for k in range(20)], "seed": 1, "judge": "xface", "people": 1}
            sim = mean + 0.02 * draws.normal(size=20)
            metrics = {"sim_gt": sim, "sim_ref": sim, "copy_paste": sim / 10, "blending": np.nan, "coverage": 1.0}
            frame = pd.DataFrame(same | metrics).assign(arm=arm, training_seed=seed, system="model", extra=0)
            frame.to_parquet(folder / "cases.parquet")
            facts = {"arm": arm, "seed": seed, "start": "here", "steps": steps}
            write_json(folder / "arm.json", facts | {"seconds": {"training": 60.0, "scoring": 1.0}, "curve": []})
            folders.append(folder)
    return folders


def test_the_table_has_arms_differences_and_what_was_cut_short(tmp_path: Path) -> None:
    write_page(tmp_path, finished(tmp_path))
    table = (tmp_path / "ablation.md").read_text()
    first, second = (line for line in table.splitlines() if line.startswith("| ("))
    assert "+0.10" in first
    assert "| +0.200 [+0.200, +0.200] |" in second
    assert "Cut short by the limit of time: (b) second <b> with seed 2 (9)." in table


def test_the_page_draws_the_differences_and_escapes_names(tmp_path: Path) -> None:
    write_page(tmp_path, finished(tmp_path))
    page = (tmp_path / "ablation.html").read_text()
    assert page.count("<svg") == 2
    assert {f"--{colour}:" in page for colour in re.findall(r"var\(--(\w+)\)", page)} == {True}
    assert "SimGT" in page
    assert "second &lt;b&gt;" in page
    assert "<b>" not in page
