"""The cluster's settings: read from one file, refused by name, and what keys a step's cache there."""

from pathlib import Path
from typing import Any

import pytest

from components.steps import EVALUATE, PHOTOS, STEPS, TRAIN, VALIDATE
from pipelines.cluster import Cluster, cluster_version, load_cluster, with_tombstones
from pipelines.runners import cluster_runner
from pipelines.settings import SettingsError, load_settings
from pipelines.sources import ROOT

HASH = "99825bd8a838e763ca26465704c54282.dir"


def written(folder: Path, text: str) -> Path:
    file = folder / "cluster.yaml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_cluster(None) == Cluster()
    written(tmp_path, "experiment: here\n")
    assert load_cluster(None).experiment == "here"


def test_the_repositorys_own_file_is_accepted_and_shows_every_setting() -> None:
    file = ROOT / "cluster.yaml"
    assert load_cluster(file) == Cluster()
    shown = {line.removeprefix("# ").split(":")[0] for line in file.read_text().splitlines() if ":" in line}
    assert set(Cluster.model_fields) <= shown


def test_a_steps_needs_change_one_by_one(tmp_path: Path) -> None:
    cluster = load_cluster(written(tmp_path, "steps: {train: {gpu: 0, memory: 64Gi}}\n"))
    needs = cluster.needs(TRAIN)
    assert (needs.gpu, needs.memory) == (0, "64Gi")
    assert (needs.retries, needs.cpu) == (TRAIN.resources.retries, TRAIN.resources.cpu)
    assert all(cluster.needs(step) == step.resources for step in STEPS if step != TRAIN)


def test_each_process_of_a_training_has_an_accelerator(tmp_path: Path) -> None:
    eight = "steps: {train: {gpu: 8}}\nnodes: {count: 1, processes: 8, workspace: w}\n"
    job = cluster_runner(load_cluster(written(tmp_path, eight))).train_job()
    assert job is not None
    assert (job.nodes, job.processes, job.gpu) == (1, 8, 8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("registri: x\n", "There is no setting cluster.registri; did you mean registry?"),
        ("steps: {trian: {gpu: 1}}\n", "'trian' is no step; the steps are curate, "),
        ("secrets: [{name: hub, env: {a: A}, steps: [trian]}]\n", "'trian' is no step; the steps are curate, "),
        (
            "volumes: [{claim: a, path: /in}, {claim: b, path: /in/}]\n",
            "/in/ is another volume's, or one of the steps' own",
        ),
        ("volumes: [{claim: a, path: /cache}]\n", "/cache is another volume's, or one of the steps' own"),
        ("steps: {train: {gpu: -1}}\n", "cluster.steps.train.gpu = -1 is refused: input should be greater"),
        ("steps: {train: {memory: lots}}\n", "cluster.steps.train.memory = 'lots' is refused"),
        ("secrets: [{name: hub, env: {}}]\n", "cluster.secrets.0.env = {} is refused"),
        ("tolerations: [{key: gpu, effect: Never}]\n", "cluster.tolerations.0.effect = 'Never' is refused"),
        ("artefacts: /mnt/store\n", "cluster.artefacts = '/mnt/store' is refused"),
        (
            "artefacts: file:///mnt/store\n",
            "cluster.artefacts = 'file:///mnt/store' is refused: Kubeflow lets its steps reach no such place",
        ),
        ("nodes: {count: 0, workspace: w}\n", "cluster.nodes.count = 0 is refused"),
        ("steps: {train: {gpu: 8}}\n", "steps.train.gpu is 8, and training has 1 processes on a node"),
        ("nodes: {count: 1, processes: 8, workspace: w}\n", "steps.train.gpu is 1, and training has 8 processes"),
        ("steps: {evaluate: {gpu: 2}}\n", "steps.evaluate.gpu is 2, and the step uses one: give 1."),
        ("- a\n", "cluster = ['a'] is refused"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_cluster(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert sentence in str(caught.value)


def photos_version(folder: str, **volume: Any) -> tuple[str, bool]:
    settings = load_settings(None, [f"photos.folder={folder}"])["photos"]
    return cluster_version(
        PHOTOS, settings, Cluster.model_validate({"volumes": [{"claim": "p", "path": "/in", **volume}]})
    )


def test_the_dvc_hash_of_a_volume_keys_the_cache_and_nothing_else_of_it(tmp_path: Path) -> None:
    tracked = tmp_path / "photos.dvc"
    tracked.write_text(f"outs:\n- md5: {HASH}\n  path: photos\n")
    first = photos_version("/in/photos", dvc=str(tracked))
    assert first == photos_version("/in/photos", dvc=str(tracked), claim="moved")
    assert first[1]
    assert photos_version("/in/others", dvc=str(tracked)) != first
    tracked.write_text(f"outs:\n- md5: {HASH[::-1][4:]}\n  path: photos\n")
    assert photos_version("/in/photos", dvc=str(tracked))[0] != first[0]


def test_content_that_nobody_vouches_for_is_never_taken_from_a_cache() -> None:
    assert photos_version("/in/photos")[1] is False


def test_a_step_that_needs_nothing_from_outside_is_keyed_by_its_code() -> None:
    settings = load_settings(None)
    version, complete = cluster_version(VALIDATE, settings["validate"], Cluster())
    assert complete
    assert version != cluster_version(TRAIN, settings["train"], Cluster())[0]


@pytest.mark.parametrize("text", ["", "outs: []\nx", "outs: [{md5: 7}]", "outs: [{path: a}]", "stages: {}"])
def test_a_file_without_a_dvc_hash_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "photos.dvc"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"photos.dvc holds no DVC hash"):
        photos_version("/in/photos", dvc=str(file))
    with pytest.raises(SettingsError, match=r"nowhere.dvc holds no DVC hash"):
        photos_version("/in/photos", dvc=str(tmp_path / "nowhere.dvc"))


def test_a_path_of_this_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"photos.folder = '/home/me' is a path of this machine.* \(now /in\)"):
        photos_version("/home/me")


def test_a_champion_is_on_a_volume_or_refused_by_name() -> None:
    settings = load_settings(None, ["evaluate.champion=/in/runs/one"])["evaluate"]
    with pytest.raises(SettingsError, match=r"evaluate.champion = '/in/runs/one' is a path of this machine"):
        cluster_version(EVALUATE, settings, Cluster())
    volumes = {"volumes": [{"claim": "runs", "path": "/in"}]}
    assert cluster_version(EVALUATE, settings, Cluster.model_validate(volumes))[1] is False


def test_the_gate_looks_for_tombstones_on_the_volume_of_the_photos() -> None:
    def forgotten(*changes: str) -> object:
        return with_tombstones(load_settings(None, list(changes)))["gate"].model_dump()["forgotten"]

    assert forgotten() == ""
    assert forgotten("photos.folder=/in/photos/new") == "/in/photos/new"
    assert forgotten("photos.urls=/in/lists/new.csv") == "/in/lists"
    assert forgotten("photos.folder=/in/photos", "gate.forgotten=/in/forgotten.json") == "/in/forgotten.json"
