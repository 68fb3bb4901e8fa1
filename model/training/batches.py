"""Which pictures make up batch number 0, 1, 2, ... and what is drawn at random for them, as a function of the seed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.dataset.buckets import Size
from model.denoiser import TextFeatures
from model.losses.flow import sample_times, shift_of
from model.training.cache import Features
from model.training.data import Target, TrainingSet
from model.training.mix import chances
from model.training.patches import Patches
from model.training.phases import Phase


@dataclass(frozen=True)
class Batch:
    """B pictures of one size with N people at most and F faces in all.

    `clean` and `noise` [B, L, C] are latent tokens, `t` [B] noise levels; `embeddings` [B, N, d] and `boxes` [B, N, 4]
    the references and their places, zeros where a picture has fewer people. Of each face: `landmarks` [F, 5, 2] in
    pixels, `of_picture` [F], the identity's code [F] and the embedding [F, d] of the ground truth. `decoded` [B] says
    which pictures the identity losses look at, `negatives` which rows of the bank they are contrasted with (None: all).
    `patches` [B, N, P, f] are those of the references' face crops, for adapters with a SigLIP branch; `shown` [B, L, C]
    the tokens of the pictures with their faces blurred, for backbones that edit.
    """

    size: Size
    clean: Tensor
    noise: Tensor
    t: Tensor
    text: TextFeatures
    embeddings: Tensor
    boxes: Tensor
    landmarks: Tensor
    of_picture: Tensor
    identities: Tensor
    truths: Tensor
    decoded: Tensor
    negatives: Tensor | None = None
    patches: Tensor | None = None
    shown: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device, which is not waited for."""
        move = partial(Tensor.to, device=device, non_blocking=True)
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        moved: dict[str, Any] = {name: move(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, text=TextFeatures(*map(move, self.text)), **moved)

    def only(self, pictures: Tensor) -> "Batch":
        """The batch of those `pictures` alone, numbers in rising order; the device is asked once how many faces."""
        faces, places = (self.of_picture[:, None] == pictures).nonzero().unbind(1)
        of_pictures = ("clean", "noise", "t", "embeddings", "boxes", "decoded", "patches", "shown")
        of_faces = ("landmarks", "identities", "truths")
        chosen: dict[str, Any] = {name: getattr(self, name)[faces] for name in of_faces}
        chosen |= {name: value[pictures] for name in of_pictures if (value := getattr(self, name)) is not None}
        return replace(self, text=self.text.rows(pictures), of_picture=places, **chosen)


class Batches:
    """The endless row of batches of a training; batch k is the same whenever it is asked for.

    So the position in the data and the state of the random numbers are both the number of the next batch, and a resumed
    training or another process needs nothing else.
    """

    def __init__(
        self, data: TrainingSet, features: Features, size: int, seed: int, patches: Patches | None = None
    ) -> None:
        self.data, self.features, self.size, self.seed, self.patches = data, features, size, seed, patches
        self._plan = lru_cache(maxsize=1)(self._epoch)
        self._per_epoch = len(self._plan(0))
        self._mixed = lru_cache(maxsize=1)(self._chances)
        sizes = sorted({target.size for target in data.targets})
        self._size_of = np.array([sizes.index(target.size) for target in data.targets])

    def batch(self, number: int, phase: Phase) -> Batch:
        """Batch `number` as the phase wants it."""
        epoch, position = divmod(number, self._per_epoch)
        chosen = self._drawn(number, phase) if phase.mix else self._plan(epoch)[position]
        targets = [self.data.targets[index] for index in chosen]
        draws = np.random.default_rng([self.seed, number])
        generator = torch.Generator().manual_seed(int(draws.integers(2**62)))
        latents, truths, shown = zip(*(self.features.picture_of(index) for index in chosen), strict=True)
        clean = torch.stack(latents)
        t = sample_times(len(chosen), shift_of(clean.shape[1]), generator)
        used = torch.rand(len(chosen), generator=generator) < phase.decoded
        if not phase.drawn:
            used &= (t >= phase.gate_from) & (t <= phase.gate)
        text = self._text(targets, phase, draws)
        references = [self._references(target, phase, draws) for target in targets]
        return Batch(
            size=targets[0].size,
            clean=clean,
            noise=torch.randn(clean.shape, generator=generator),
            t=t,
            text=text,
            embeddings=_padded([torch.from_numpy(self.data.embeddings[rows]) for rows in references]),
            boxes=_padded([torch.from_numpy(target.boxes) for target in targets]),
            landmarks=torch.cat([torch.from_numpy(target.landmarks) for target in targets]),
            of_picture=torch.tensor([row for row, target in enumerate(targets) for _ in target.faces]),
            identities=torch.tensor([code for target in targets for code in target.identities]),
            truths=torch.cat(truths),
            decoded=used if phase.judged else torch.zeros_like(used),
            negatives=self._negatives(phase, draws),
            patches=_padded([self.patches.of(rows) for rows in references]) if self.patches else None,
            shown=torch.stack(shown) if shown[0] is not None else None,
        )

    def _epoch(self, epoch: int) -> list[list[int]]:
        """The pictures of an epoch's batches: each once, in batches of one size, the last filled up from its start."""
        draws = np.random.default_rng([self.seed, epoch, 1])
        by_size: dict[Size, list[int]] = defaultdict(list)
        for index in draws.permutation(len(self.data.targets)).tolist():
            by_size[self.data.targets[index].size].append(index)
        batches = []
        for size in sorted(by_size):
            row = by_size[size]
            full = -(-len(row) // self.size) * self.size
            filled = (row * (-(-full // len(row))))[:full]
            batches += [filled[start : start + self.size] for start in range(0, full, self.size)]
        return [batches[index] for index in draws.permutation(len(batches))]

    def _drawn(self, number: int, phase: Phase) -> list[int]:
        """The pictures of a batch of a phase with a data mix, of one size: each drawn by its chance, and put back."""
        draws = np.random.default_rng([self.seed, number, 2])
        chances = self._mixed(tuple(phase.mix.items()))
        of_size = np.bincount(self._size_of, chances)
        size = draws.choice(len(of_size), p=of_size)
        found: list[int] = draws.choice(
            len(chances), self.size, p=np.where(self._size_of == size, chances, 0) / of_size[size]
        ).tolist()
        return found

    def _chances(self, mix: tuple[tuple[str, float], ...]) -> NDArray[np.float64]:
        return chances(self.data.targets, dict(mix))

    def _text(self, targets: Sequence[Target], phase: Phase, draws: np.random.Generator) -> TextFeatures:
        dropped = draws.random(len(targets)) < phase.fixed_prompt
        pairs = zip(targets, dropped, strict=True)
        return self.features.text_of([target.fixed_prompt if drop else target.caption for target, drop in pairs])

    def _negatives(self, phase: Phase, draws: np.random.Generator) -> Tensor | None:
        """Rows of the bank: identities evenly with replacement, then one embedding of each (method paper)."""
        codes = self.data.bank_codes
        if not phase.negatives or phase.contrastive == 0 or not len(codes):
            return None
        order = np.argsort(codes, kind="stable")
        _, first, count = np.unique(codes[order], return_index=True, return_counts=True)
        people = draws.integers(len(first), size=phase.negatives)
        return torch.from_numpy(order[first[people] + draws.integers(count[people])])

    def _references(self, target: Target, phase: Phase, draws: np.random.Generator) -> list[int]:
        """The rows of the faces that stand for the people: of other photos in a paired picture, else of this one."""
        paired = draws.random() < phase.paired
        return [
            int(draws.choice(others)) if paired and others else own
            for own, others in zip(target.faces, target.references, strict=True)
        ]


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
