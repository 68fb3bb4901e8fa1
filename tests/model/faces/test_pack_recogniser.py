"""A pack's recogniser in torch: what onnxruntime gives, with gradients, and graphs that cannot be read."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from onnx import TensorProto, helper

from model.errors import UserError
from model.faces.pack_recogniser import load_pack_recogniser
from tests.model.checkpoints import save_pack
from tests.model.tiny import BOTH


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pack(tmp_path_factory.mktemp("packs") / "tinypack")


def test_it_gives_what_insightface_gives(pack: Path) -> None:
    recogniser = load_pack_recogniser(pack)
    assert (recogniser.name, recogniser.dim) == ("tinypack", BOTH.embedding)
    crops = np.random.default_rng(0).integers(0, 255, (3, 112, 112, 3), dtype=np.uint8)
    ours = recogniser(torch.from_numpy(crops).permute(0, 3, 1, 2) / 255)
    theirs = ArcFaceONNX(str(pack / "rec.onnx")).get_feat([np.ascontiguousarray(crop[..., ::-1]) for crop in crops])
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)


def test_gradients_reach_the_crops_and_no_weight(pack: Path) -> None:
    recogniser = load_pack_recogniser(pack).double()
    crops = torch.rand(1, 3, 112, 112, dtype=torch.float64, requires_grad=True)
    recogniser(crops).square().sum().backward()
    assert crops.grad is not None
    assert crops.grad.abs().sum() > 0
    assert list(recogniser.parameters()) == []
    moved = crops.detach().clone()
    moved[0, 1, 40, 41] += 1e-4
    change = (recogniser(moved).square().sum() - recogniser(crops).square().sum()) / 1e-4
    assert float(change.detach()) == pytest.approx(float(crops.grad[0, 1, 40, 41]), rel=1e-2)


def test_a_graph_that_prepares_pixels_itself_is_given_them_raw(pack: Path, tmp_path: Path) -> None:
    model = onnx.load(str(pack / "rec.onnx"))
    graph = model.graph
    for number, (kind, value, read, written) in enumerate(
        (("Sub", 127.5, "data", "less"), ("Mul", 1 / 127.5, "less", "ready"))
    ):
        graph.initializer.append(helper.make_tensor(kind, TensorProto.FLOAT, [1], [value]))
        graph.node.insert(number, helper.make_node(kind, [read, kind], [written], name=f"{kind}_{number}"))
    graph.node[2].input[0] = "ready"
    (tmp_path / "raw").mkdir()
    onnx.save(model, tmp_path / "raw" / "rec.onnx")
    crops = torch.rand(2, 3, 112, 112)
    torch.testing.assert_close(load_pack_recogniser(tmp_path / "raw")(crops), load_pack_recogniser(pack)(crops))


def test_packs_that_cannot_be_trained_through_are_refused(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    onnx.save(onnx.load(str(pack / "det.onnx")), tmp_path / "none" / "det.onnx")
    with pytest.raises(UserError, match="has no recogniser of 112 pixel crops"):
        load_pack_recogniser(tmp_path / "none")
    model = onnx.load(str(pack / "rec.onnx"))
    model.graph.node[1].op_type = "HardSwish"
    (tmp_path / "odd").mkdir()
    onnx.save(model, tmp_path / "odd" / "rec.onnx")
    with pytest.raises(UserError, match=r"operators that cannot be trained through \(HardSwish\)"):
        load_pack_recogniser(tmp_path / "odd")
