"""What the frozen networks say of the training set, computed once and kept by content: latents, true faces, text.

The store is a folder with one small file for each picture and each prompt. A file is named by the digest of all that it
depends on, so other phases, seeds and later versions of a dataset find what did not change; the folder may be emptied
between trainings. Files are read when a batch needs them: a training set need not fit into memory.

The last bits of a file also depend on the batch in which it was computed. So that a training that was killed while it
computed goes on as if it had not been, batches are those of the whole set in its order, whatever is there and however
many processes share them; one that lacks a file is computed whole, and a file that is there is never written again.
What a batch still lacks then gets the bits that it would have got, and what another dataset or version put there keeps
those that a training has already learned from. A version adds its photos at the end of the others, so it computes few
of theirs a second time. Only what another training adds between kill and restart is taken as it is, as it would have
been had it been there before.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from model.adapter.checkpoint import read_tensors
from model.artefacts import digest_of, new_file
from model.dataset.buckets import Size
from model.dataset.dataset import Dataset
from model.denoiser import TextFeatures
from model.editing import FULL, RADIUS, faces_blurred
from model.latents import encode, pack
from model.losses.decode import face_embeddings
from model.progress import track
from model.training.data import Target, TrainingSet
from model.training.feature_files import ALL, Share, feature_file
from model.training.photo_digests import photo_digests

EncodeText = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
CHUNK = 16


@dataclass(frozen=True)
class Features:
    """The files of each target and of each prompt."""

    pictures: tuple[Path, ...]
    prompts: dict[str, Path]

    def picture_of(self, number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Latent tokens [L, 4C] of a target, the embeddings [n, d] of its ground-truth faces, and the tokens shown.

        These are the target's with the faces blurred, for a preset that edits.
        """
        tensors = read(self.pictures[number])
        return tensors["latents"], tensors["truths"], tensors.get("shown")

    def text_of(self, prompts: Sequence[str]) -> TextFeatures:
        """The text features of some of the prompts."""
        rows = [read(self.prompts[prompt]) for prompt in prompts]
        return TextFeatures(*(torch.stack([row[name] for row in rows]) for name in ("tokens", "pooled")))


@torch.no_grad()
def compute_features(
    dataset: Dataset,
    data: TrainingSet,
    autoencoder: AutoencoderKL,
    recognise: nn.Module,
    encode_text: EncodeText,
    text_name: str,
    store: Path,
    *,
    edits: bool = False,
    share: Share = ALL,
) -> Features:
    """The features of a training set; what `store` does not hold yet of this process's `share` is put there.

    They are computed on the device of the autoencoder, which is the recogniser's, too. `text_name` names the text
    encoder with its settings. Where the preset `edits`, they have what it is shown, too.
    """
    networks = digest_of(weights_digest(autoencoder), weights_digest(recognise))
    photos = photo_digests(dataset, (target.image_id for target in data.targets), store)
    pictures = tuple(
        feature_file(store, t.image_id, _digest(t, photos[t.image_id], networks, edits)) for t in data.targets
    )
    said = [text for target in data.targets for text in (target.caption, target.fixed_prompt)]
    texts = {prompt: store / "text" / f"{digest_of(text_name, prompt)}.safetensors" for prompt in said}
    chunks = _by_size(data.targets)
    missing = share.missing([[pictures[n] for n in chunk] for chunk in chunks])
    for chunk in track([chunks[number] for number in missing], "encoding photos", unit="batches"):
        _encode_pictures(
            dataset, [data.targets[n] for n in chunk], autoencoder, recognise, [pictures[n] for n in chunk], edits
        )
    prompts = list(texts)
    parts = [prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK)]
    for number in share.missing([[texts[prompt] for prompt in part] for part in parts]):
        for prompt, tokens, pooled in zip(parts[number], *encode_text(parts[number]), strict=True):
            put(texts[prompt], {"tokens": tokens, "pooled": pooled})
    return Features(pictures, texts)


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of a network's weights and settings, in hex."""
    # What diffusers notes for itself begins with an underscore; a list of it has another order in each process.
    settings = sorted(item for item in getattr(network, "config", {}).items() if not item[0].startswith("_"))
    total = hashlib.sha256(repr(settings).encode())
    for name, tensor in network.state_dict().items():
        plain = tensor.detach().cpu().contiguous().flatten()
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        total.update(plain.view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _digest(target: Target, photo: str, networks: str, edits: bool) -> str:
    blur = (target.boxes.tolist(), RADIUS, FULL) if edits else ()
    return digest_of(networks, photo, target.placement, target.landmarks.tolist(), *blur)


def _encode_pictures(
    dataset: Dataset,
    targets: Sequence[Target],
    autoencoder: AutoencoderKL,
    recognise: nn.Module,
    files: Sequence[Path],
    edits: bool,
) -> None:
    """Put the features of pictures of one size into their files."""
    pictures = [target.picture(dataset) for target in targets]
    pixels = _pixels(pictures).to(autoencoder.device)
    landmarks = torch.cat([torch.from_numpy(target.landmarks) for target in targets])
    of_picture = torch.tensor([row for row, target in enumerate(targets) for _ in target.faces])
    truths = face_embeddings(recognise, pixels, landmarks, of_picture)
    of_target = truths.split([len(target.faces) for target in targets])
    rows = [
        {"latents": latents, "truths": faces}
        for latents, faces in zip(pack(encode(autoencoder, pixels)), of_target, strict=True)
    ]
    if edits:
        blurred = [faces_blurred(picture, target.boxes) for picture, target in zip(pictures, targets, strict=True)]
        for row, shown in zip(rows, pack(encode(autoencoder, _pixels(blurred).to(pixels))), strict=True):
            row["shown"] = shown
    for file, row in zip(files, rows, strict=True):
        put(file, row)


def read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file of the store; UserError where it is damaged."""
    return read_tensors(file, "features", "delete it, and start again to have it made anew")


def put(file: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors into a file of the store, whole or not at all; one that is there stays as it is."""
    if not file.is_file():
        with new_file(file) as draft:
            save_file({name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}, draft)


def _pixels(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Pictures of one size [N, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _by_size(targets: Sequence[Target]) -> list[list[int]]:
    """The numbers of all targets in batches of one picture size."""
    sizes: dict[Size, list[int]] = {}
    for number, target in enumerate(targets):
        sizes.setdefault(target.size, []).append(number)
    return [row[start : start + CHUNK] for row in sizes.values() for start in range(0, len(row), CHUNK)]
