"""Adapters on disk: a round trip, published merged files, and every way a file can be wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.adapter.checkpoint import SIZES, WEIGHTS, load_adapter, load_weights, save_adapter
from model.artefacts import file_digest, read_json, write_json
from model.errors import UserError
from tests.model.published import published_shapes, published_tensors
from tests.model.tiny import BOTH, tiny_adapter


def test_round_trip_is_exact(tmp_path: Path) -> None:
    adapter = tiny_adapter()
    save_adapter(adapter, tmp_path, "nano")
    again = load_adapter(tmp_path)
    assert again.sizes == adapter.sizes
    for name, tensor in adapter.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_the_same_adapter_is_the_same_file(tmp_path: Path) -> None:
    digests = set()
    for _ in range(16):
        save_adapter(tiny_adapter(), tmp_path, "nano")
        digests.add(file_digest(tmp_path / WEIGHTS))
    assert len(digests) == 1


@pytest.mark.parametrize("branches", [("arc",), ("sig",), ("arc", "sig")])
def test_a_published_merged_file_loads_whatever_branches_are_asked_for(
    tmp_path: Path, branches: tuple[str, ...]
) -> None:
    tensors = published_tensors(BOTH)
    save_file(tensors, tmp_path / WEIGHTS)
    adapter = tiny_adapter(sizes=replace(BOTH, branches=branches))
    load_weights(adapter, tmp_path / WEIGHTS)
    loaded = adapter.state_dict()
    own = {name for name in tensors if name.split(".")[0].endswith(branches) and not name.startswith("siglip_in_arc")}
    assert loaded.keys() == own
    assert all(torch.equal(tensor, tensors[name].float()) for name, tensor in loaded.items())


def test_a_published_file_kept_in_half_precision_is_written_as_it_was(tmp_path: Path) -> None:
    tensors = published_tensors(BOTH)
    save_file(tensors, tmp_path / "published.safetensors")
    adapter = tiny_adapter(sizes=BOTH)
    load_weights(adapter, tmp_path / "published.safetensors", torch.bfloat16)
    save_adapter(adapter, tmp_path, "nano")
    again = load_file(tmp_path / WEIGHTS)
    assert again.keys() == published_shapes(BOTH).keys()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in again.items())
    assert load_adapter(tmp_path).sizes == BOTH


def test_a_branch_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    save_file(tiny_adapter().state_dict(), tmp_path / WEIGHTS)
    with pytest.raises(UserError, match=r"arcface_in_sig\.0\.bias is missing"):
        load_weights(tiny_adapter(sizes=BOTH), tmp_path / WEIGHTS)


@pytest.mark.parametrize(
    ("fault", "word"),
    [("missing", r"ipa_arc\.0\.to_q\.weight is missing"), ("unknown", "extra is unknown"), ("shape", "has shape")],
)
def test_a_file_that_does_not_fit_is_refused_by_the_tensor_name(tmp_path: Path, fault: str, word: str) -> None:
    tensors = dict(tiny_adapter().state_dict())
    if fault == "missing":
        del tensors["ipa_arc.0.to_q.weight"]
    elif fault == "unknown":
        tensors["extra"] = torch.zeros(1)
    else:
        tensors["ipa_arc.0.to_q.weight"] = torch.zeros(3, 3)
    save_file(tensors, tmp_path / WEIGHTS)
    with pytest.raises(UserError, match=word):
        load_weights(tiny_adapter(), tmp_path / WEIGHTS)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"adapter\.json"):
        load_adapter(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        load_weights(tiny_adapter(), tmp_path / WEIGHTS)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ([1], r"sizes: Input should be an object"),
        ({"hidden": None}, "sizes.hidden: Input should be a valid integer"),
        ({"hidden": "32"}, "sizes.hidden: Input should be a valid integer"),
        ({"hidden": -4}, "sizes.hidden: Input should be greater than or equal to 1"),
        ({"blocks": 10**6}, "sizes.blocks: Input should be less than or equal to"),
        ({"width": 3}, "sizes.width: Unexpected keyword argument"),
        ({"branches": ["eye"]}, r"sizes\.branches\.0: String should match pattern"),
        ({"branches": []}, "sizes.branches: Tuple should have at least 1 item"),
        ({"branches": None}, "sizes.branches: Input should be a valid array"),
    ],
)
def test_sizes_that_no_adapter_has_are_refused(tmp_path: Path, change: Any, what: str) -> None:
    save_adapter(tiny_adapter(), tmp_path, "nano")
    described = read_json(tmp_path / SIZES)
    sizes = change if isinstance(change, list) else described["sizes"] | change
    write_json(tmp_path / SIZES, described | {"sizes": sizes})
    with pytest.raises(UserError, match=rf"adapter\.json: {what}.*; bring the folder anew"):
        load_adapter(tmp_path)
