"""Sample pictures during a training: some of its own scenes, drawn with other photos of their people."""

from collections.abc import Callable

from PIL import Image

from model.dataset.dataset import Dataset
from model.editing import faces_blurred
from model.presets import Preset
from model.sampler import Request, Sampler
from model.training.batches import Batches
from model.training.trainer import Trainer

SEED = 1


def sampler(dataset: Dataset, trainer: Trainer, chosen: Preset) -> Callable[[], list[Image.Image]]:
    """What draws one picture for each number of people in the training set, always from the same noise.

    It needs nothing that the training does not hold, whose prompts have been encoded, and computes as its steps do.
    """
    requests = scenes(dataset, trainer.batches, edits=chosen.edits)

    def draw() -> list[Image.Image]:
        parts = trainer.judges.autoencoder, trainer.batches.features.text_of
        try:
            networks, device = (trainer.whole.backbone, *parts, trainer.adapter), trainer.accelerator.device
            pipe = Sampler(chosen, *networks, device, trainer.autocast)
            return pipe(requests)
        finally:
            trainer.adapter.train()

    return draw


def scenes(dataset: Dataset, batches: Batches, *, edits: bool) -> list[Request]:
    """The first target of each number of people, with the best other photo of each person where there is one.

    What a preset that `edits` is shown is the target with its faces blurred.
    """
    data = batches.data
    first = {len(target.faces): target for target in reversed(data.targets)}
    requests = []
    for _, target in sorted(first.items()):
        rows = [others[0] if others else own for own, others in zip(target.faces, target.references, strict=True)]
        patches = batches.patches.of(rows).float().numpy() if batches.patches else None
        shown = faces_blurred(target.picture(dataset), target.boxes) if edits else None
        requests.append(
            Request(target.caption, data.embeddings[rows], target.boxes, *target.size, SEED, patches, shown)
        )
    return requests
