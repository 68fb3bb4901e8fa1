"""A FLUX model, a SigLIP model and an insightface pack on disk, tiny, of the real classes and in the real layouts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline
from onnx import TensorProto, helper, numpy_helper
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

from model.parts import Parts
from model.presets import AdapterSize, Preset, flux_dev
from tests.model.tiny import BOTH, tiny_autoencoder, tiny_backbone

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DETECTION = 640  # pixels of the square in which the pack's detector looks
STRIDES = (8, 16, 32)


def save_flux(folder: Path) -> Path:
    """The layout of FLUX.1-dev: transformer, vae, two text encoders, two tokenizers, a scheduler, model_index.json.

    As there, the weights of the transformer are in several files with an index.
    """
    torch.manual_seed(11)
    sizes = {"num_attention_heads": 1, "num_hidden_layers": 1}
    clip = CLIPTextConfig(hidden_size=5, intermediate_size=8, vocab_size=60, max_position_embeddings=12, **sizes)
    clip.eos_token_id = 1
    t5 = T5Config(d_model=6, d_kv=3, d_ff=8, num_layers=1, num_heads=2, vocab_size=130, feed_forward_proj="gated-gelu")
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=tiny_autoencoder(),
        text_encoder=CLIPTextModel(clip),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=T5EncoderModel(t5),
        tokenizer_2=_t5_tokenizer(),
        transformer=tiny_backbone(),
    ).save_pretrained(folder, max_shard_size="50KB")
    return folder


def save_siglip(folder: Path) -> Path:
    """A whole SigLIP model, text half included, as it is published: 4 patches of 6 features."""
    torch.manual_seed(12)
    sizes = {"hidden_size": BOTH.features, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = SiglipVisionConfig(image_size=16, patch_size=8, **sizes)
    text = SiglipTextConfig(vocab_size=20, bos_token_id=1, eos_token_id=2, **sizes)
    SiglipModel(SiglipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())).save_pretrained(folder)
    return folder


def save_pack(folder: Path, dim: int = BOTH.embedding) -> Path:
    """An insightface pack: a detector that finds one face in the middle, and a small residual recogniser."""
    folder.mkdir(parents=True)
    onnx.save(_detector(), folder / "det.onnx")
    onnx.save(_recogniser(dim), folder / "rec.onnx")
    return folder


def tiny_parts(folder: Path) -> Parts:
    """All three, in `folder`."""
    return Parts(
        str(save_flux(folder / "flux")), str(save_siglip(folder / "siglip")), str(save_pack(folder / "tinypack"))
    )


def tiny_flux(parts: Parts) -> Preset:
    """The flux-dev preset cut to the tiny checkpoints."""
    size = AdapterSize(BOTH.tokens, BOTH.heads, BOTH.head_dim, BOTH.branches, BOTH.features, BOTH.patches)
    shape = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "num_single_layers": 2}
    return replace(
        flux_dev(parts),
        backbone=shape,
        recogniser_dim=BOTH.embedding,
        adapter=size,
        buckets=((96, 96), (128, 96)),
        tall=(),
        text_tokens=8,
        steps=2,
        dtype="float32",
    )


def _clip_tokenizer() -> CLIPTokenizer:
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])


def _t5_tokenizer() -> T5TokenizerFast:
    words = ["<pad>", "</s>", "<unk>", "▁", *LETTERS]
    return T5TokenizerFast(vocab=[(word, -float(number)) for number, word in enumerate(words)])


def _detector() -> onnx.ModelProto:
    """SCRFD's nine outputs (score, box, five points at three strides), with one face whatever it is shown."""
    side = DETECTION // STRIDES[-1]
    place = 2 * (side // 2 * side + side // 2)
    points = np.array([[-2, -2], [2, -2], [0, 0], [-1.5, 2], [1.5, 2]], np.float32).reshape(-1)
    nodes, outputs = [], []
    for kind, width, face in (("score", 1, [0.9]), ("box", 4, [5.0] * 4), ("points", 10, points)):
        for stride in STRIDES:
            values = np.zeros((2 * (DETECTION // stride) ** 2, width), np.float32)
            if stride == STRIDES[-1]:
                values[place] = face
            name = f"{kind}_{stride}"
            nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values)))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    return _model(helper.make_graph(nodes, "detector", [picture], outputs))


def _recogniser(dim: int) -> onnx.ModelProto:
    """The operators of an IResNet: convolutions, batch norms, PReLU, a sum, a matrix; no Sub or Mul at its start."""
    draws = np.random.default_rng(13)
    tensors: list[onnx.TensorProto] = []

    def kept(name: str, *shape: int, spread: float = 0.2, around: float = 0.0) -> str:
        values = (around + spread * draws.normal(size=shape)).astype(np.float32)
        tensors.append(numpy_helper.from_array(values, name))
        return name

    def norm(name: str, width: int) -> list[str]:
        parts = [kept(f"{name}.{part}", width, around=around) for part, around in (("w", 1), ("b", 0), ("m", 0))]
        tensors.append(numpy_helper.from_array(np.full(width, 0.7, np.float32), f"{name}.v"))
        return [*parts, f"{name}.v"]

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        made.append(helper.make_node(kind, list(inputs), [f"out{len(made)}"], **attributes))
        return f"out{len(made) - 1}"

    made: list[onnx.NodeProto] = []
    x = node("Conv", "data", kept("c1", 4, 3, 3, 3), kept("b1", 4), strides=[4, 4], pads=[1, 1, 1, 1])
    x = node("PRelu", x, kept("p1", 4, 1, 1))
    y = node("BatchNormalization", x, *norm("n1", 4), epsilon=1e-5)
    y = node("Conv", y, kept("c2", 4, 4, 3, 3), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = node("Flatten", node("Add", x, y))
    x = node("Gemm", x, kept("g", dim, 4 * 28 * 28, spread=0.02), kept("gb", dim), transB=1)
    node("BatchNormalization", x, *norm("n2", dim), epsilon=1e-5)
    data = helper.make_tensor_value_info("data", TensorProto.FLOAT, [None, 3, 112, 112])
    embedding = helper.make_tensor_value_info(made[-1].output[0], TensorProto.FLOAT, [None, dim])
    return _model(helper.make_graph(made, "recogniser", [data], [embedding], tensors))


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
