"""Presets by name, and their parts read from folders as FLUX, SigLIP and insightface publish them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from safetensors.torch import load_file, save_file

from model.errors import UserError
from model.parts import BASE, FLUX_DEV, PACK, SIGLIP, SIGLIP_BASE, Parts, pack_folder
from model.presets import (
    flux_dev,
    flux_kontext,
    frozen_digest,
    load_autoencoder,
    load_backbone,
    load_faces,
    load_judge,
    load_text,
    load_tower,
    nano,
    preset,
    text_name,
)
from tests.model.checkpoints import tiny_flux
from tests.model.tiny import BOTH, tiny_autoencoder, tiny_backbone


def test_every_preset_has_a_name_and_another_is_refused() -> None:
    assert [preset(name).name for name in ("nano", "flux-dev", "flux-kontext")] == ["nano", "flux-dev", "flux-kontext"]
    with pytest.raises(UserError, match="preset 'huge' is not known; choose one of nano, flux-dev, flux-kontext"):
        preset("huge")
    with pytest.raises(UserError, match=r"preset '\[\]' is not known"):
        preset([])  # type: ignore[arg-type]  # what a damaged adapter.json holds


def test_the_flux_preset_is_of_the_shape_of_diffusers_own_flux() -> None:
    with torch.device("meta"):
        ours, theirs = FluxTransformer2DModel(**flux_dev().backbone), FluxTransformer2DModel(guidance_embeds=True)
    assert {n: t.shape for n, t in ours.state_dict().items()} == {n: t.shape for n, t in theirs.state_dict().items()}
    assert flux_dev().hidden == 3072
    assert flux_dev().blocks == 57
    assert [row["use"] for row in (*flux_dev().licences, *flux_kontext().licences)] == [
        "research",
        "research",
        "any",
    ] * 2


def test_some_branches_of_a_preset_are_chosen() -> None:
    assert flux_dev().with_branches(()) == flux_dev()
    assert flux_dev().with_branches(("sig", "arc")) == flux_dev()
    assert flux_dev().with_branches(("sig",)).adapter.branches == ("sig",)
    with pytest.raises(UserError, match="branches: the preset nano has no branch 'sig'; choose from arc"):
        nano().with_branches(("sig",))


def test_flux_is_trained_on_wide_square_and_tall_photos_of_multiples_of_16() -> None:
    sizes = (*flux_dev().buckets, *flux_dev().tall)
    assert {(width > height) - (width < height) for width, height in sizes} == {-1, 0, 1}
    assert not any(side % 16 for size in sizes for side in size)
    assert flux_kontext().buckets == ((512, 512),)
    assert not flux_kontext().tall


def test_kontext_edits_with_the_arcface_branch_alone() -> None:
    assert flux_kontext().edits
    assert flux_kontext().adapter.branches == ("arc",)
    assert not flux_dev().edits


def test_the_environment_of_the_machine_says_where_parts_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BASE, SIGLIP, PACK):
        monkeypatch.delenv(name, raising=False)
    assert flux_dev().parts == Parts(FLUX_DEV, SIGLIP_BASE, "antelopev2")
    monkeypatch.setenv(BASE, "a folder")
    monkeypatch.setenv(PACK, "a pack")
    assert preset("flux-dev").parts == Parts("a folder", SIGLIP_BASE, "a pack")


def test_backbone_and_autoencoder_of_a_folder_are_what_was_saved(parts: Parts) -> None:
    chosen = tiny_flux(parts)
    for loaded, saved in ((load_backbone(chosen), tiny_backbone()), (load_autoencoder(chosen), tiny_autoencoder())):
        for name, tensor in saved.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor), name
        assert not loaded.training
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert load_autoencoder(chosen).config["shift_factor"] == 0.1
    assert load_backbone(replace(chosen, dtype="bfloat16")).dtype == torch.bfloat16


def test_text_is_encoded_as_diffusers_encodes_it(parts: Parts) -> None:
    chosen, prompts = tiny_flux(parts), ["two people smiling", "a man"]
    flux = FluxPipeline.from_pretrained(parts.base, local_files_only=True)
    flux.tokenizer_max_length = 12
    expected, pooled, _ = flux.encode_prompt(prompts, prompts, max_sequence_length=chosen.text_tokens)
    tokens, vector = load_text(chosen).encode(prompts)
    torch.testing.assert_close(tokens, expected)
    torch.testing.assert_close(vector, pooled)
    assert not torch.allclose(vector[0], vector[1])


def test_the_vision_tower_is_read_from_a_whole_siglip_model(parts: Parts) -> None:
    tower = load_tower(tiny_flux(parts))
    assert tower is not None
    assert tower.model.config.image_size == 16
    assert load_tower(nano()) is None
    assert load_tower(replace(tiny_flux(parts), adapter=nano().adapter)) is None


def test_faces_are_those_of_the_pack(parts: Parts) -> None:
    analyser = load_faces(tiny_flux(parts))
    assert (analyser.name, analyser.dim) == ("tinypack", BOTH.embedding)
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    faces = analyser.analyse([picture])[0]
    assert len(faces) == 1
    np.testing.assert_allclose(faces[0].box, [32, 32, 96, 96], atol=0.5)


def test_a_base_of_another_shape_is_refused(parts: Parts) -> None:
    with pytest.raises(UserError, match=r"num_layers is 1, the preset flux-dev needs 19"):
        load_backbone(flux_dev(parts))


def test_parts_that_are_not_there_are_refused_with_the_remedy(tmp_path: Path, parts: Parts) -> None:
    nowhere = tiny_flux(Parts(str(tmp_path), str(tmp_path), str(tmp_path / "none")))
    for load in (load_backbone, load_autoencoder, load_text, load_tower):
        with pytest.raises(UserError, match=f"set {BASE} and {SIGLIP} to folders"):
            load(nowhere)
    with pytest.raises(UserError, match=f"there is no such folder.*set {PACK}"):
        load_faces(nowhere)


def test_weights_that_are_pickled_broken_or_not_whole_are_refused(tmp_path: Path, parts: Parts) -> None:
    base, siglip = tmp_path / "base", tmp_path / "siglip"
    shutil.copytree(parts.base, base)
    shutil.copytree(parts.siglip, siglip)
    chosen = tiny_flux(replace(parts, base=str(base), siglip=str(siglip)))
    networks = (
        ("transformer", "diffusion_pytorch_model", load_backbone),
        ("vae", "diffusion_pytorch_model", load_autoencoder),
        ("text_encoder", "model", load_text),
        ("text_encoder_2", "model", load_text),
        ("", "model", load_tower),
    )
    for part, name, load in networks:
        folder = base / part if part else siglip
        whole = {key: value for file in folder.glob("*.safetensors") for key, value in load_file(file).items()}
        for file in folder.glob(f"{name}*"):
            file.unlink()
        weights, lost = folder / f"{name}.safetensors", max(whole)
        save_file({key: value for key, value in whole.items() if key != lost}, weights, metadata={"format": "pt"})
        with pytest.raises(UserError, match="is missing from its weights"):
            load(chosen)
        weights.write_bytes(b"broken")
        with pytest.raises(UserError, match="can be read"):
            load(chosen)
        weights.unlink()
        torch.save(whole, folder / ("pytorch_model.bin" if name == "model" else f"{name}.bin"))
        with pytest.raises(UserError, match="no file named"):
            load(chosen)
        save_file(whole, weights, metadata={"format": "pt"})
        load(chosen)


@pytest.mark.parametrize("part", ["tokenizer", "tokenizer_2"])
def test_a_tokenizer_without_its_vocabulary_is_refused(tmp_path: Path, parts: Parts, part: str) -> None:
    shutil.copytree(parts.base, tmp_path / "base")
    chosen = tiny_flux(replace(parts, base=str(tmp_path / "base")))
    (tmp_path / "base" / part / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=f"{part} of .*its vocabulary is missing"):
        load_text(chosen)
    shutil.rmtree(tmp_path / "base" / part)
    with pytest.raises(UserError, match=f"{part} of .*its vocabulary is missing"):
        load_text(chosen)


def test_a_pack_that_insightface_keeps_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = tmp_path / ".insightface" / "models" / "antelopev2"
    kept.mkdir(parents=True)
    assert pack_folder("antelopev2") == kept
    assert pack_folder(str(tmp_path)) == tmp_path


def test_the_judge_of_faces_is_the_packs_own_recogniser(parts: Parts) -> None:
    judge = load_judge(tiny_flux(parts))
    assert judge(torch.rand(2, 3, 112, 112)).shape == (2, BOTH.embedding)
    assert load_judge(nano()).name == "facesdk"


def test_parts_that_the_hub_has_put_into_its_cache_are_read_by_their_names(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("flux", parts.base), ("siglip", parts.siglip), ("pack", parts.pack)):
        kept = tmp_path / f"models--acme--{name}"
        (kept / "refs").mkdir(parents=True)
        (kept / "refs" / "main").write_text("0" * 40)
        (kept / "snapshots").mkdir()
        (kept / "snapshots" / ("0" * 40)).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    named = tiny_flux(Parts("acme/flux", "acme/siglip", "acme/pack"))
    assert torch.equal(load_backbone(named).proj_out.weight, tiny_backbone().proj_out.weight)
    assert load_autoencoder(named).config["latent_channels"] == tiny_autoencoder().config["latent_channels"]
    assert load_text(named).encode(["a man"])[0].shape == (1, 8, 6)
    assert load_tower(named) is not None
    assert load_faces(named).dim == BOTH.embedding
    with pytest.raises(UserError, match="insightface pack 'acme/none': the hub gives none"):
        pack_folder("acme/none")


def test_the_digest_of_frozen_parts_tells_other_parts(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "weights").write_bytes(b"one")
    parts = Parts(str(tmp_path / "base"), "acme/siglip", "pack")
    first = frozen_digest(flux_dev(parts))
    assert first == frozen_digest(flux_dev(parts))
    assert first != frozen_digest(flux_dev(replace(parts, siglip="acme/other")))
    (tmp_path / "base" / "weights").write_bytes(b"two")
    assert first != frozen_digest(flux_dev(parts))
    large = tmp_path / "base" / "large"
    large.write_bytes(bytes(2**25))
    digests = {frozen_digest(flux_dev(parts))}
    for start in (2**24, 2**25 - 2**18):
        with large.open("r+b") as file:
            file.seek(start)
            file.write(b"\1" * 2**18)
        digests.add(frozen_digest(flux_dev(parts)))
    assert len(digests) == 3
    assert len({first, frozen_digest(nano())}) == 2


def test_text_is_named_by_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "text_encoder").mkdir()
    chosen, names = flux_dev(Parts(str(tmp_path), "acme/siglip", "pack")), {text_name(nano())}
    for weights in (b"one", b"two"):
        (tmp_path / "text_encoder" / "weights").write_bytes(weights)
        names |= {text_name(chosen), text_name(replace(chosen, text_tokens=9))}
    assert len(names) == 5
