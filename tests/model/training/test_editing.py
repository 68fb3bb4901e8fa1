"""Training for editing: the target is shown with its faces blurred, the loss is the plain one, a kill costs nothing."""

import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor, nn

from model.dataset.dataset import Dataset
from model.training.batches import Batch
from model.training.cache import compute_features
from model.training.data import Target, training_set
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, losses
from tests.model.tiny import LATENT, SIZES, TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS, encode_text, same_end, start, tiny_trainer
from tests.validation.datasets import edit

PHASE = Phase(name="edit", steps=1, learning_rate=1e-3, paired=1, identity=0, contrastive=0)
RADIUS = 15 * 64 / 512  # of the blur in pictures whose shorter side is 64


def blurred(target: Target, dataset: Dataset) -> NDArray[np.uint8]:
    """The cut photo with each face's box taken from a blurred copy."""
    picture = target.placement.image(dataset.image(target.image_id))
    copy = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(RADIUS)))
    shown = picture.copy()
    for x1, y1, x2, y2 in target.boxes.round().astype(int).tolist():
        shown[y1:y2, x1:x2] = copy[y1:y2, x1:x2]
    return shown


def tokens_of(picture: NDArray[np.uint8]) -> Tensor:
    """The picture's latent tokens [L, 4C] in float64, cell by cell."""
    autoencoder = tiny_autoencoder().double()
    pixels = torch.from_numpy(picture.astype(np.float64) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        latents = (autoencoder.encode(pixels).latent_dist.mode()[0] - 0.1) * 0.8
    rows, columns = latents.shape[1] // 2, latents.shape[2] // 2
    cells = [latents[:, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].flatten() for r in range(rows) for c in range(columns)]
    return torch.stack(cells)


def plain_velocity(batch: Batch, shown: Tensor, x_t: Tensor) -> Tensor:
    """The velocity of one picture in float64: noised and shown tokens in a row, the adapter a loop over tokens."""
    backbone, adapter = tiny_backbone().double(), tiny_adapter().double()
    columns, length = batch.size[0] // 16, x_t.shape[1]
    places = torch.tensor([[0.0, token // columns, token % columns] for token in range(length)], dtype=torch.float64)
    where = torch.cat([places, places + torch.tensor([1.0, 0, 0])])
    people = [
        (adapter.arcface_in_arc(row[None, None].double())[0, 0], box)
        for row, box in zip(batch.embeddings[0], batch.boxes[0].tolist(), strict=True)
    ]

    def covers(box: list[float], token: int) -> bool:
        row, column = divmod(token, columns)
        across = box[0] // 16 <= column < -(-box[2] // 16)
        return across and box[1] // 16 <= row < -(-box[3] // 16)

    def hook(attention: Any) -> Any:
        def add(_block: nn.Module, _inputs: object, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            text, image = output
            rows = list(image[0])
            for token in range(length):
                seen = [tokens for tokens, box in people if covers(box, token)]
                if seen:
                    keys, values = attention.to_kv(attention.norm1(torch.cat(seen))).chunk(2, dim=-1)
                    query = attention.to_q(attention.norm2(rows[token]))
                    heads = [
                        (keys[:, part] @ query[part] / SIZES.head_dim**0.5).softmax(0) @ values[:, part]
                        for h in range(SIZES.heads)
                        for part in [slice(h * SIZES.head_dim, (h + 1) * SIZES.head_dim)]
                    ]
                    rows[token] = rows[token] + attention.to_out(torch.cat(heads))
            return text, torch.stack(rows)[None]

        return add

    blocks = [*backbone.transformer_blocks, *backbone.single_transformer_blocks]
    for block, attention in zip(blocks, adapter.attentions(), strict=True):
        block.register_forward_hook(hook(attention))
    found: Tensor = backbone(
        hidden_states=torch.cat([x_t, shown], 1),
        encoder_hidden_states=batch.text.tokens.double(),
        pooled_projections=batch.text.pooled.double(),
        timestep=batch.t.double(),
        img_ids=where,
        txt_ids=torch.zeros(batch.text.tokens.shape[1], 3, dtype=torch.float64),
    ).sample
    return found[:, :length]


def test_a_batch_shows_the_targets_with_their_faces_blurred(dataset: Dataset, tmp_path: Path) -> None:
    batches = tiny_trainer(dataset, tmp_path, edits=True).batches
    for number in range(3):
        batch = batches.batch(number, PHASE)
        assert batch.shown is not None
        for index, shown, clean in zip(batches._plan(0)[number], batch.shown, batch.clean, strict=True):
            target = batches.data.targets[index]
            torch.testing.assert_close(shown, tokens_of(blurred(target, dataset)).float(), rtol=1e-4, atol=1e-4)
            assert not torch.allclose(shown, clean, atol=1e-2)


def test_the_loss_is_the_plain_one_in_float64(dataset: Dataset, tmp_path: Path) -> None:
    trainer = tiny_trainer(dataset, tmp_path, batch=1, edits=True)
    batches = trainer.batches
    number = next(n for n, (index,) in enumerate(batches._plan(0)) if len(batches.data.targets[index].faces) == 2)
    batch, target = batches.batch(number, PHASE), batches.data.targets[batches._plan(0)[number][0]]
    network = AdaptedBackbone(tiny_backbone(), tiny_adapter())
    found = losses(network, batch, trainer.judges, PHASE)["total"]
    clean, shown = tokens_of(target.picture(dataset))[None], tokens_of(blurred(target, dataset))[None]
    noise, t = batch.noise.double(), float(batch.t)
    x_t = (1 - t) * clean + t * noise
    expected, otherwise = (plain_velocity(batch, tokens, x_t).detach() for tokens in (shown, clean))
    assert float(found.detach()) == pytest.approx(float((expected - (noise - clean)).square().mean()), rel=1e-6)
    error = (network(x_t.float(), batch) - expected).abs().max()
    assert error < 1e-5
    assert (expected - otherwise).abs().max() > 100 * error  # what is shown is told from the target itself


def test_it_learns_through_the_adapter_alone(dataset: Dataset, tmp_path: Path) -> None:
    trainer = tiny_trainer(dataset, tmp_path, edits=True)
    batch = trainer.batches.batch(0, PHASE)
    network = AdaptedBackbone(tiny_backbone(), tiny_adapter(trained=False))
    optimiser = torch.optim.Adam(network.adapter.parameters(), lr=3e-3)
    course = []
    for _ in range(40):
        loss = losses(network, batch, trainer.judges, PHASE)["flow"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        course.append(float(loss.detach()))
    assert course[-1] < 0.9 * course[0]


def test_a_killed_job_goes_on_bit_for_bit(dataset: Dataset, tmp_path: Path) -> None:
    whole = tiny_trainer(dataset, tmp_path / "whole", edits=True).train()
    kill = random.SystemRandom().randint(5, 15)
    assert start(dataset, tmp_path / "killed", "kill", kill, (), "edits") == -signal.SIGKILL
    resumed = tiny_trainer(dataset, tmp_path / "killed", edits=True)
    assert 0 < resumed.progress.step < 16
    assert resumed.train() == whole, kill
    assert same_end(tmp_path / "whole", tmp_path / "killed"), kill


def test_what_is_shown_is_kept_by_content(dataset: Dataset, tmp_path: Path) -> None:
    data, autoencoder, encoded = training_set(dataset, BUCKETS, edits=True), tiny_autoencoder(), [0]
    autoencoder.encoder.register_forward_hook(lambda _m, inputs, _o: encoded.append(len(inputs[0])))
    networks = autoencoder, TinyRecogniser(), encode_text, "tiny"
    first = compute_features(dataset, data, *networks, tmp_path, edits=True)
    assert sum(encoded) == 2 * len(data.targets)
    assert compute_features(dataset, data, *networks, tmp_path, edits=True) == first
    assert sum(encoded) == 2 * len(data.targets)
    plain = compute_features(dataset, data, *networks, tmp_path)
    assert not set(plain.pictures) & set(first.pictures)
    assert first.picture_of(0)[0].shape[-1] == 4 * LATENT


def test_people_are_those_whose_faces_are_blurred(tmp_path: Path) -> None:
    folder = tiny_dataset(tmp_path).folder

    def shrink(faces: Any) -> Any:
        small = faces["face_id"] == "0000000000000000-0"  # 12 pixels of 64 are 96 of 512
        return faces.assign(box=[[*b[:2], b[0] + 12, b[1] + 12] if s else b for b, s in zip(faces["box"], small)])

    edit(folder, "faces", shrink)
    dataset, size = Dataset.open(folder), ((512, 512),)
    plain, editing = (
        {target.image_id for target in training_set(dataset, size, edits=edits).targets} for edits in (False, True)
    )
    assert plain - editing == {"0000000000000000"}
