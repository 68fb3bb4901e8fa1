"""The diffusers pipeline on tiny checkpoints: loading, saving, layouts, weights, the shift, editing, refusals."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import CpuOffload
from diffusers import DiffusionPipeline, FirstBlockCacheConfig
from PIL import Image
from torch import nn

from model import pipeline as module
from model import sampler
from model.adapter.checkpoint import SIZES, WEIGHTS, save_adapter
from model.adapter.sizes import AdapterSizes
from model.errors import UserError
from model.layout import layout
from model.parts import Parts
from model.pipeline import WithAnyonePipeline
from model.presets import Preset, nano
from model.sampler import Request, Sampler
from tests.model.checkpoints import tiny_flux
from tests.model.tiny import BOTH, tiny_adapter

ARC = replace(BOTH, branches=("arc",))


@pytest.fixture
def presets(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> dict[str, Preset]:
    """The presets by name, cut to the tiny checkpoints."""
    torch.set_num_threads(1)
    dev = tiny_flux(parts)
    arc = replace(dev.adapter, branches=("arc",))
    known = {"flux-dev": dev, "flux-kontext": replace(dev, name="flux-kontext", adapter=arc, edits=True)}
    monkeypatch.setattr(module, "preset", lambda name: known.get(name) or nano())
    return known


@pytest.fixture
def pipe(presets: dict[str, Preset], tmp_path: Path) -> WithAnyonePipeline:
    made = WithAnyonePipeline.of_model(model_folder(tmp_path / "model", BOTH, "flux-dev"))
    made.set_progress_bar_config(disable=True)
    return made


def model_folder(folder: Path, sizes: AdapterSizes, name: str) -> Path:
    folder.mkdir()
    save_adapter(tiny_adapter(sizes=sizes), folder, name)
    return folder


def photo(seed: int, size: tuple[int, int] = (160, 160)) -> Image.Image:
    draws = np.random.default_rng(seed)
    return Image.fromarray(draws.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


def on_its_side(upright: Image.Image) -> Image.Image:
    """The photo as a camera keeps it that was turned: lying, with a note which way is up."""
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    lying.getexif()[0x0112] = 6
    return lying


def picture(pipe: WithAnyonePipeline, *people: Image.Image, **options: Any) -> np.ndarray[Any, np.dtype[np.int16]]:
    usual: dict[str, Any] = {"num_inference_steps": 2, "generator": torch.Generator().manual_seed(3)}
    found = pipe("two men", people or [photo(1)], **(usual | options)).images
    return np.asarray(found[0], np.int16)


def test_it_is_a_pipeline_that_is_saved_and_loaded_whole(pipe: WithAnyonePipeline, tmp_path: Path) -> None:
    assert isinstance(pipe, DiffusionPipeline)
    expected = picture(pipe)
    pipe.save_pretrained(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved" / "adapter").iterdir()} == {WEIGHTS, SIZES}
    again = WithAnyonePipeline.from_pretrained(tmp_path / "saved", local_files_only=True)
    again.set_progress_bar_config(disable=True)
    assert again.config.pack == pipe.config.pack
    assert (picture(again) == expected).all()
    half = WithAnyonePipeline.from_pretrained(tmp_path / "saved", dtype=torch.bfloat16, local_files_only=True)
    assert {half.adapter.dtype, half.transformer.dtype, half.vae.dtype} == {torch.bfloat16}
    (tmp_path / "saved" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(pipe.vae.state_dict(), tmp_path / "saved" / "vae" / "diffusion_pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        WithAnyonePipeline.from_pretrained(tmp_path / "saved", local_files_only=True)


def test_a_flux_model_and_an_adapter_make_one(parts: Parts, presets: dict[str, Preset]) -> None:
    pipe = WithAnyonePipeline.from_pretrained(parts.base, adapter=tiny_adapter(sizes=ARC), pack=parts.pack)
    pipe.set_progress_bar_config(disable=True)
    assert picture(pipe).shape == (96, 96, 3)
    images = pipe("a man", [photo(1), photo(2)], num_inference_steps=1, num_images_per_prompt=2).images
    assert [image.size for image in images] == [(128, 96)] * 2
    assert (np.asarray(images[0]) != np.asarray(images[1])).any()


def test_without_boxes_people_stand_side_by_side(pipe: WithAnyonePipeline) -> None:
    people, boxes = (photo(1), photo(2)), layout(2, (128, 96))
    proposed = picture(pipe, *people)
    assert (proposed == picture(pipe, *people, boxes=boxes.tolist())).all()
    assert (proposed != picture(pipe, *people, boxes=boxes[::-1].tolist())).any()
    assert picture(pipe, *people, width=160, height=112).shape == (112, 160, 3)


def test_the_branches_are_weighted(pipe: WithAnyonePipeline) -> None:
    both, other = picture(pipe), picture(pipe, photo(2))
    assert (both != other).any()
    assert (both != picture(pipe, siglip_weight=0)).any()
    assert (both != picture(pipe, id_weight=0)).any()
    off = {"id_weight": 0, "siglip_weight": 0}
    assert (picture(pipe, **off) == picture(pipe, photo(2), **off)).all()


def test_offloaded_networks_make_room_for_each_other(pipe: WithAnyonePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {id(network): name for name, network in pipe.components.items()}
    expected, ran, begin = picture(pipe), list[str](), CpuOffload.pre_forward

    def begins(hook: CpuOffload, network: nn.Module, *inputs: Any, **options: Any) -> Any:
        ran.append(names[id(network)])
        return begin(hook, network, *inputs, **options)

    monkeypatch.setattr(CpuOffload, "pre_forward", begins)
    pipe.enable_model_cpu_offload(device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(WithAnyonePipeline, "enable_model_cpu_offload", lambda *_, **__: ran.append("all away"))
        assert (picture(pipe) == expected).all()
    assert ran.pop() == "all away"
    # A network sends away the one before it in this order, so it has to be the order in which they run.
    assert list(dict.fromkeys(ran)) == pipe.model_cpu_offload_seq.split("->")


def test_networks_offloaded_in_pieces_draw_the_same(pipe: WithAnyonePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "steady", lambda _: nullcontext())  # of CPUs, on which nobody offloads
    expected = picture(pipe)
    for name, network in pipe.components.items():  # as enable_sequential_cpu_offload does, which refuses a CPU
        if isinstance(network, nn.Module) and name not in pipe._exclude_from_cpu_offload:
            cpu_offload(network, torch.device("cpu"))
    assert (picture(pipe) == expected).all()


def test_networks_offloaded_in_groups_draw_the_same(pipe: WithAnyonePipeline) -> None:
    expected = picture(pipe)
    kept = pipe._exclude_from_cpu_offload
    pipe.enable_group_offload(torch.device("cpu"), num_blocks_per_group=1, exclude_modules=kept)
    assert (picture(pipe) == expected).all()


def test_a_generator_makes_the_same_picture_again(pipe: WithAnyonePipeline) -> None:
    assert (picture(pipe) == picture(pipe)).all()
    assert (picture(pipe) != picture(pipe, generator=torch.Generator().manual_seed(4))).any()
    assert (picture(pipe, generator=None) != picture(pipe, generator=None)).any()
    images = pipe("a man", [photo(1)], num_inference_steps=1, return_dict=False)[0]
    assert images[0].size == (96, 96)


def test_photos_stand_as_their_camera_says(pipe: WithAnyonePipeline) -> None:
    upright = photo(1)
    assert (picture(pipe, on_its_side(upright)) == picture(pipe, upright)).all()


def test_times_are_shifted_by_the_number_of_image_tokens_or_as_upstream_does(pipe: WithAnyonePipeline) -> None:
    def mu(tokens: int, fewer: int) -> float:
        middle = pipe._times(2, tokens, fewer)[1]
        return float(torch.log(middle / (1 - middle)))

    assert mu(1024, 1) == pytest.approx(0.63, abs=0.001)
    assert mu(4096, 1) == pytest.approx(1.15, abs=0.001)
    assert mu(1024, module.UPSTREAM) == pytest.approx(0.459, abs=0.001)
    assert mu(4096, module.UPSTREAM) == pytest.approx(0.468, abs=0.001)
    assert (picture(pipe) != picture(pipe, upstream_shift=True)).any()


def test_kontext_is_shown_the_photo_without_faces(
    presets: dict[str, Preset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = WithAnyonePipeline.of_model(model_folder(tmp_path / "edit", ARC, "flux-kontext"))
    pipe.set_progress_bar_config(disable=True)
    seen: list[Request] = []
    plain = Sampler.__call__

    def watched(sampler: Any, requests: list[Request], **options: Any) -> Any:
        seen.extend(requests)
        return plain(sampler, requests, **options)

    monkeypatch.setattr(Sampler, "__call__", watched)
    target = photo(5, (250, 256))
    made = picture(pipe, image=target, width=256, height=256)
    resized = np.asarray(target.resize((256, 256), Image.Resampling.LANCZOS))
    np.testing.assert_allclose(seen[0].boxes, [[64, 64, 192, 192]], atol=0.5)
    assert seen[0].shown is not None
    changed = (seen[0].shown != resized).any(-1)
    assert changed[70:186, 70:186].mean() > 0.9
    assert not changed[:60].any()
    assert (made != picture(pipe, image=photo(6, (256, 256)), width=256, height=256)).any()
    picture(pipe, image=target, width=256, height=256, boxes=[[200, 4, 252, 60]])  # of a face that nobody found
    assert seen[-1].shown is not None
    unlike = (seen[-1].shown != resized).any(-1)
    assert unlike[10:54, 206:246].mean() > 0.9
    assert (unlike | changed)[60:].sum() == changed[60:].sum()
    with pytest.raises(UserError, match=r"image: 1 faces of 18\.75 pixels are found for 2 references; give boxes"):
        picture(pipe, photo(1), photo(2), image=target)
    with pytest.raises(UserError, match="image: 300 x 200 is not about square"):
        picture(pipe, image=photo(5, (300, 200)))
    with pytest.raises(UserError, match="needs the photo that it edits; give it"):
        picture(pipe)
    with pytest.raises(UserError, match=r"^image: 'face\.jpg' is no picture as PIL opens it; give one"):
        picture(pipe, image="face.jpg")
    lying = on_its_side(target)
    seen.clear()
    assert (made == picture(pipe, image=lying, width=256, height=256)).all()


def test_what_cannot_be_met_is_refused_by_its_field(pipe: WithAnyonePipeline, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="image: the preset flux-dev makes new pictures"):
        picture(pipe, image=photo(1))
    with pytest.raises(UserError, match="people: 0 do not fit"):
        pipe("nobody", [])
    for boxes in ([[96, 0, 120, 20]], [[20, 0, 10, 20]]):
        with pytest.raises(UserError, match=r"^boxes: box 0 .* holds nothing of the picture of 96 x 96 pixels; give"):
            picture(pipe, boxes=boxes)
    boxes_of_all_kinds: list[Any] = [[[0, 0, 20, 20]] * 2, [[0, 0, 20]], [[0, 0, 20, 20], [0]], [0, 0, 20, 20], []]
    for boxes in (*boxes_of_all_kinds, [["left", 0, 20, 20]], [[0, 0, float("nan"), 20]], [[0, 0, float("inf"), 20]]):
        with pytest.raises(UserError, match="is not one row of x1, y1, x2, y2 for each of 1 references"):
            picture(pipe, boxes=boxes)
    wrong: list[Any] = [photo(1), ["face.jpg"], [np.asarray(photo(1))]]
    for references in wrong:
        with pytest.raises(UserError, match="references: give a list of pictures"):
            pipe("a man", references)
    for field in ("siglip_weight", "id_weight", "guidance_scale"):
        for number in (float("nan"), float("inf"), "1", True):
            with pytest.raises(UserError, match=f"{field}: {number!r} is no number"):
                picture(pipe, **{field: number})
    for field in ("num_inference_steps", "num_images_per_prompt", "width", "height"):
        for count in (0, -1, 96.0, "2", True):
            with pytest.raises(UserError, match=f"{field}: {count!r} is no whole number above 0"):
                picture(pipe, **{field: count})
    for field in ("width", "height"):
        with pytest.raises(UserError, match=f"^{field}: 100 is not a multiple of 16 pixels; give 96 or 112"):
            picture(pipe, **{field: 100})
    assert picture(pipe, width=np.int64(112), id_weight=np.float32(0.5)).shape == (96, 112, 3)
    for generator in (3, [torch.Generator()]):
        with pytest.raises(UserError, match=r"^generator: .* is no torch\.Generator; give one of the CPU"):
            picture(pipe, generator=generator)
    with pytest.raises(UserError, match="id_weight: None is no number"):
        picture(pipe, id_weight=None)
    with pytest.raises(UserError, match=r"prompt: .* is no text"):
        pipe(["a man", "a woman"], [photo(1)])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="people: 9 do not fit"):
        picture(pipe, *[photo(n) for n in range(9)])
    pipe.image_encoder = None
    with pytest.raises(UserError, match="siglip_weight: the adapter has a SigLIP branch but the pipeline no image_enc"):
        picture(pipe)
    assert picture(pipe, siglip_weight=0).shape == (96, 96, 3)
    with pytest.raises(UserError, match="preset nano, which has no diffusers pipeline"):
        WithAnyonePipeline.of_model(model_folder(tmp_path / "nano", ARC, "nano"))


def test_a_cache_that_skips_blocks_is_refused(pipe: WithAnyonePipeline) -> None:
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    with pytest.raises(UserError, match=r"transformer: .*\(FirstBlockCacheConfig\).* call transformer\.disable"):
        picture(pipe)
    pipe.transformer.disable_cache()
    picture(pipe)


def test_a_reference_without_a_face_is_named(pipe: WithAnyonePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(pipe)
    assert pipe._faces is not None
    monkeypatch.setattr(pipe._faces, "analyse", lambda pictures: [[] for _ in pictures])
    with pytest.raises(UserError, match=r"references\[0\]: no face is found"):
        picture(pipe)


def test_a_strip_of_a_reference_shows_no_face(pipe: WithAnyonePipeline) -> None:
    for strip in (photo(1, (1, 2000)), photo(1, (2000, 3))):
        with pytest.raises(UserError, match=r"references\[0\]: no face is found"):
            picture(pipe, strip)
    assert picture(pipe, photo(1, (640, 1))).shape == (96, 96, 3)
