"""The recogniser of an insightface pack for identity losses: in torch, behind the interface of the embedded ones."""

from pathlib import Path

import onnx

from model.errors import UserError
from model.faces.geometry import TEMPLATE_SIZE
from model.faces.insightface_pack import onnx_folder
from model.faces.onnx_network import OnnxNetwork
from model.faces.recogniser import Recipe, Recogniser


def load_pack_recogniser(pack: Path, device: str = "cpu") -> Recogniser:
    """The recogniser of an insightface pack, in torch, so that gradients reach the crops.

    It is the model of the pack that takes crops of 112 pixels and gives one vector. As insightface does it, pixels are
    scaled to -1..1 unless the graph begins by doing so itself. Raises UserError where a pack has none.
    """
    folder = onnx_folder(pack)
    for file in sorted(folder.glob("*.onnx")):
        graph = onnx.load(str(file)).graph
        shape = [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim]
        if shape[1:] == [3, TEMPLATE_SIZE, TEMPLATE_SIZE] and len(graph.output) == 1:
            first = "".join(node.op_type for node in graph.node[:8])
            raw = "Sub" in first and "Mul" in first
            mean, std = (0.0, 1 / 255) if raw else (0.5, 0.5)
            network = OnnxNetwork(graph)
            dim = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
            recipe = Recipe(OnnxNetwork, dim, False, (mean,) * 3, (std,) * 3)
            return Recogniser(folder.name, network, recipe).to(device)
    raise UserError(
        f"insightface pack '{folder}' has no recogniser of 112 pixel crops; point the setting at a whole pack"
    )
