"""The whole pipeline in its containers: the images as they should be, failures told, the artefacts of the processes.

`make test-containers` installs podman, builds the images and runs this with a socket in DOCKER_HOST.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl, local
from PIL import Image

from components.steps import GATE, STEPS, Step
from pipelines.containers import Containers
from pipelines.runs import Runs
from pipelines.store import Store
from tests.acceptance.same import differences
from tests.acceptance.tiny_run import TINY, open_to_steps, run

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]
IMAGES = list({step.image: step for step in STEPS}.values())


def said(engine: Any, step: Step, *command: str) -> str:
    return str(
        engine.containers.run(
            f"localhost/{step.image}", list(command), remove=True, read_only=True, network_mode="none", stderr=False
        ).decode()
    )


@pytest.mark.parametrize("step", IMAGES, ids=lambda step: step.name)
def test_an_image_has_its_labels_its_user_and_nothing_to_build_with(engine: Any, step: Step) -> None:
    image = engine.images.get(f"localhost/{step.image}")
    labels = {name.rpartition(".")[2]: value for name, value in image.labels.items()}
    assert labels["version"] == step.image.partition(":")[2]
    assert len(labels["revision"].removesuffix("-dirty")) == 40
    assert image.attrs["Config"]["User"] == "1000:0"
    variables = {entry.partition("=")[0] for entry in image.attrs["Config"]["Env"]}
    assert not {name for name in variables if "PIP" in name or "TOKEN" in name or "SECRET" in name}
    program = (
        "import glob, json, os, shutil; from components.steps import STEPS;"
        f"next(step for step in STEPS if step.name == {step.name!r}).run();"
        "tools = [name for name in ('gcc', 'cc', 'g++', 'make', 'git') if shutil.which(name)];"
        "rooms = [place.split('/')[-2] for place in glob.glob('/opt/withanyone/components/*/')];"
        "print(json.dumps([os.getuid(), tools, rooms]))"
    )
    user, tools, rooms = json.loads(said(engine, step, "python3", "-c", program).splitlines()[-1])
    assert user == 1000
    assert tools == []
    assert rooms == [step.folder]


@dsl.component(base_image=f"localhost/{GATE.image}", install_kfp_package=False)
def work(how: str, out: dsl.Output[dsl.Artifact]) -> None:
    """End as `how` says."""
    import os
    import signal
    import sys

    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise ValueError("wrong")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    with open(out.path, "w") as file:
        file.write("fine")


@pytest.mark.parametrize("how", ["good", "exit", "raise", "kill"])
def test_a_container_that_fails_is_a_failure_each_time(engine: Any, tmp_path: Path, how: str) -> None:
    tmp_path.chmod(0o755)
    with Containers(Store(tmp_path / "store"), (), {}).kfp_runner() as runner:
        local.init(runner=runner, pipeline_root=str(tmp_path / "store" / "artefacts"), raise_on_error=True)
        for _ in range(4):
            if how == "good":
                assert Path(work(how=how).outputs["out"].path).read_text() == "fine"
            else:
                with pytest.raises(RuntimeError, match="FAILURE"):
                    work(how=how)
    assert engine.containers.list(all=True, filters={"label": f"withanyone.store={tmp_path / 'store'}"}) == []


def test_the_pipeline_makes_in_containers_what_it_makes_in_processes(boxed: tuple[Path, dict[str, Any]]) -> None:
    home, record = boxed
    assert {step["status"] for step in record["steps"].values()} == {"done"}
    code, plain, words = run(home, "plain")
    assert code == 0, words
    assert differences(Path(record["folder"]), Path(plain["folder"])) == []
    assert (Path(record["folder"]) / "bento" / "bento.yaml").is_file()
    code, again, words = run(home, "boxed", "--in-containers")
    assert code == 0, words
    assert {step["status"] for step in again["steps"].values()} == {"cached"}


def test_a_champion_is_drawn_in_its_container_too(boxed: tuple[Path, dict[str, Any]]) -> None:
    home, record = boxed
    Runs(home / "boxed").crown(record["id"])
    more = {**TINY, "photos": {**TINY["photos"], "strangers": 3}}
    code, second, words = run(home, "boxed", "--in-containers", changes=more)
    (home / "boxed" / "champion").unlink()  # the other tests' runs get none
    assert code == 0, words
    settings = json.loads((Path(second["folder"]) / "run.json").read_text())["settings"]
    assert settings["curate"]["previous"] == str((home / "boxed" / record["id"] / "dataset").resolve())
    drawn = json.loads((Path(second["folder"]) / "scores" / "scores.json").read_text())["systems"]
    assert "champion" in drawn
    decision = json.loads((Path(second["folder"]) / "decision" / "decision.json").read_text())
    rules = {rule["name"]: rule["why"] for rule in decision["rules"]}
    # So few people leave one case, too few to prove anything; but it is the same on both sides.
    assert rules["comparable with the champion"].startswith("same cases, people, references, judge, seeds")


def test_a_step_that_refuses_its_input_ends_the_run_with_its_sentence(engine: Any, tmp_path: Path) -> None:
    open_to_steps(tmp_path)
    (tmp_path / "faceless").mkdir()
    Image.new("RGB", (400, 300), "grey").save(tmp_path / "faceless" / "wall.png")
    code, record, words = run(
        tmp_path, "runs", "--in-containers", changes={"photos": {"folder": str(tmp_path / "faceless")}}
    )
    assert code == 3, words
    assert record["status"] == "failed"
    assert record["failure"]["expected"]
    assert words.rstrip().endswith(record["failure"]["sentence"])
