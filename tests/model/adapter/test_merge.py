"""Branches trained apart become one adapter: names, values, what is inherited, parts that do not fit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.adapter.checkpoint import WEIGHTS, load_adapter, save_adapter
from model.adapter.merge import HISTORY, UNKNOWN, branch_tensors, merge_branches
from model.artefacts import file_digest, read_json, write_json
from model.errors import UserError
from model.presets import AdapterSize, Preset, nano
from tests.model.published import published_tensors
from tests.model.tiny import BOTH, tiny_adapter


def preset_of_the_tiny_sizes() -> Preset:
    shape = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "num_single_layers": 2}
    size = AdapterSize(BOTH.tokens, BOTH.heads, BOTH.head_dim, BOTH.branches, BOTH.features, BOTH.patches)
    return replace(nano(), name="tiny", backbone=shape, recogniser_dim=BOTH.embedding, adapter=size)


def folder_of(branch: str, path: Path, people: list[str], preset: str = "tiny") -> Path:
    path.mkdir()
    save_adapter(tiny_adapter(seed=len(people), sizes=replace(BOTH, branches=(branch,))), path, preset)
    licences = [{"name": "photos", "licence": f"of {branch}", "use": "as licensed"}]
    write_json(path / HISTORY, {"identities": people, "licences": licences})
    return path


def test_two_model_folders_become_one_that_inherits_from_both(tmp_path: Path) -> None:
    arc, sig = folder_of("arc", tmp_path / "a", ["Ada", "Bo"]), folder_of("sig", tmp_path / "s", ["Bo"])
    merge_branches({"arc": arc, "sig": sig}, preset_of_the_tiny_sizes(), tmp_path / "both")
    merged = load_adapter(tmp_path / "both")
    assert merged.sizes == BOTH
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "both").iterdir()} == {0o644}
    for part in (load_adapter(arc), load_adapter(sig)):
        assert all(torch.equal(merged.state_dict()[name], tensor) for name, tensor in part.state_dict().items())
    history = read_json(tmp_path / "both" / HISTORY)
    assert history["identities"] == ["Ada", "Bo"]
    assert [row["licence"] for row in history["licences"]] == ["of arc", "of sig"]
    assert history["branches"] == {"arc": file_digest(arc / WEIGHTS), "sig": file_digest(sig / WEIGHTS)}


def test_published_names_of_branches_apart_and_merged_give_the_same(tmp_path: Path) -> None:
    tensors = published_tensors(BOTH)
    save_file(tensors, tmp_path / "merged.safetensors")
    for branch in ("arc", "sig"):
        own = {name: value for name, value in tensors.items() if name.split(".")[0].endswith(branch)}
        save_file({n.replace(f"_{branch}.", ".", 1): v for n, v in own.items()}, tmp_path / f"{branch}.safetensors")
    preset, one = preset_of_the_tiny_sizes(), tmp_path / "merged.safetensors"
    merge_branches({"arc": one, "sig": one}, preset, tmp_path / "1")
    merge_branches({b: tmp_path / f"{b}.safetensors" for b in ("arc", "sig")}, preset, tmp_path / "2")
    first, second = load_file(tmp_path / "1" / WEIGHTS), load_file(tmp_path / "2" / WEIGHTS)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) and value.dtype == torch.bfloat16 for name, value in first.items())
    assert read_json(tmp_path / "1" / HISTORY)["licences"] == [UNKNOWN]


def test_one_branch_alone_is_a_model_as_well(tmp_path: Path) -> None:
    save_file(published_tensors(BOTH), tmp_path / "merged.safetensors")
    merge_branches({"arc": tmp_path / "merged.safetensors"}, preset_of_the_tiny_sizes(), tmp_path / "arc")
    assert load_adapter(tmp_path / "arc").sizes.branches == ("arc",)


def test_names_of_neither_branch_are_left_out() -> None:
    names = ["ipa.0.to_q.weight", "siglip_in.0.bias", "arcface_in.2.bias", "ipa_sig.0.to_q.weight", "img_in.weight"]
    found = branch_tensors(dict.fromkeys(names, torch.zeros(1)), "arc")
    assert list(found) == ["ipa_arc.0.to_q.weight", "arcface_in_arc.2.bias"]


def test_parts_that_do_not_fit_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    arc = folder_of("arc", tmp_path / "a", [])
    other = folder_of("sig", tmp_path / "s", [], preset="nano")
    preset = preset_of_the_tiny_sizes()
    with pytest.raises(UserError, match=r"arcface_in_sig\.0\.bias is missing"):
        merge_branches({"arc": arc, "sig": arc}, preset, tmp_path / "out")
    with pytest.raises(UserError, match="is of preset nano, not tiny"):
        merge_branches({"arc": arc, "sig": other}, preset, tmp_path / "out")
    with pytest.raises(UserError, match="has no adapter"):
        merge_branches({"arc": tmp_path / "nowhere"}, preset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_history_without_its_people_is_refused(tmp_path: Path) -> None:
    arc = folder_of("arc", tmp_path / "arc", ["ann"])
    write_json(arc / HISTORY, {"licences": []})
    with pytest.raises(UserError, match=rf"{arc / HISTORY} lacks identities"):
        merge_branches({"arc": arc}, preset_of_the_tiny_sizes(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


ROW = {"name": "photos", "licence": "CC0-1.0", "use": "as licensed"}


@pytest.mark.parametrize("field", ["identities", "licences"])
@pytest.mark.parametrize("value", [None, 5, "Ada", {"a": 1}, [5], [{"name": "x"}], [ROW | {"use": ["none"]}]])
def test_a_history_of_other_content_is_refused_by_field(tmp_path: Path, field: str, value: Any) -> None:
    arc = folder_of("arc", tmp_path / "arc", ["ann"])
    write_json(arc / HISTORY, read_json(arc / HISTORY) | {field: value})
    with pytest.raises(UserError, match=rf"{arc / HISTORY}: {field} is no list of "):
        merge_branches({"arc": arc}, preset_of_the_tiny_sizes(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
