"""Draw every case with every system and seed; what was drawn is kept, so that a killed evaluation goes on."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.evaluation.costs import note
from components.evaluation.references import References
from model.artefacts import new_file
from model.locks import turn
from model.progress import track
from model.sampler import Request
from validation.benchmark.cases import Case
from validation.benchmark.metrics import CHAMPION

if TYPE_CHECKING:
    from model.siglip import VisionTower

Known = Mapping[str, References]
OWN = ("model", "adapter_off")  # the systems that the model in question draws
WEIGHTS = {"model": 1.0, "adapter_off": 0.0, CHAMPION: 1.0}  # of the adapter, in the systems that are drawn


class Pipe(Protocol):
    """What draws: the calls of `Sampler` that are used here."""

    def tower(self) -> "VisionTower | None":
        """What sees the references for a SigLIP branch, where the model has one."""
        ...

    def __call__(
        self,
        requests: Sequence[Request],
        *,
        steps: int | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
    ) -> list[Image.Image]:
        """One RGB picture for each request."""
        ...


@dataclass(frozen=True)
class Drawing:
    """One picture to be made: which case, by which system, from which of the settings' seeds."""

    case: Case
    system: str
    seed: int

    @property
    def noise_seed(self) -> int:
        """Seed of the noise: the same for all systems, another for each case, so that luck is not shared."""
        return int(hashlib.sha256(f"{self.case.case_id}/{self.seed}".encode()).hexdigest()[:7], 16)


def drawings(cases: Iterable[Case], seeds: Sequence[int], systems: Sequence[str] = OWN) -> list[Drawing]:
    """Every case with every system and seed."""
    return [Drawing(case, system, seed) for case in cases for system in systems for seed in seeds]


def places(wanted: Sequence[Drawing], known: Known, folder: Path, steps: int | None) -> list[Path]:
    """The file of each picture in `folder`, named by all that the picture depends on besides the model."""
    requests = (_request(drawing, known[drawing.case.case_id]) for drawing in wanted)
    return [folder / f"{_key(r, steps, WEIGHTS[d.system])}.png" for r, d in zip(requests, wanted, strict=True)]


def draw(
    pipe: Pipe, wanted: Sequence[Drawing], known: Known, folder: Path, *, steps: int | None, batch: int
) -> list[NDArray[np.uint8]]:
    """The pictures [H, W, 3] of `wanted`, in their order; those that `folder` holds already are not drawn again.

    `known` has each case's references, by case id; their embeddings are of the recogniser of the training.
    """
    requests = [_request(drawing, known[drawing.case.case_id]) for drawing in wanted]
    files = places(wanted, known, folder, steps)
    missing = [index for index, file in enumerate(files) if not file.exists()]
    # Pictures of one system and size go together, because the pipeline batches by size.
    missing.sort(key=lambda index: (wanted[index].system, requests[index].width * requests[index].height, index))
    chunks = [
        part[start : start + batch]
        for system in WEIGHTS
        for part in [[index for index in missing if wanted[index].system == system]]
        for start in range(0, len(part), batch)
    ]
    for chunk in track(chunks, "pictures", total=len(chunks), unit="batch"):
        weight, start = WEIGHTS[wanted[chunk[0]].system], time.monotonic()
        drawn = pipe([requests[i] for i in chunk], steps=steps, id_weight=weight, siglip_weight=weight)
        note(folder, len(chunk), time.monotonic() - start)
        for index, picture in zip(chunk, drawn, strict=True):
            with new_file(files[index]) as draft:
                picture.save(draft, "PNG")
    return [_read(file) for file in files]


@contextmanager
def to_oneself(folders: Set[Path]) -> Iterator[None]:
    """Keep other evaluations out of the `folders` with what models have drawn; waits for one that is in them.

    Where the block ends well they are deleted: who waited would find half of its pictures gone.
    """
    with ExitStack() as held:
        for folder in sorted(folders):  # in one order, so that no two evaluations wait for each other
            held.enter_context(turn(folder.with_suffix(".lock"), "another evaluation of this model"))
            folder.mkdir(parents=True, exist_ok=True)
        yield
        for folder in folders:
            shutil.rmtree(folder)


def _request(drawing: Drawing, known: References) -> Request:
    case = drawing.case
    width, height = case.placement.size
    return Request(
        case.prompt, known.embeddings, case.boxes(), width, height, drawing.noise_seed, known.patches, known.shown
    )


def _key(request: Request, steps: int | None, weight: float) -> str:
    """Digest of all that a picture depends on besides the model."""
    shape = [request.prompt, request.width, request.height, request.seed, steps, weight, len(request.boxes)]
    total = hashlib.sha256(json.dumps(shape).encode())
    total.update(np.ascontiguousarray(request.embeddings, np.float32).tobytes())
    total.update(np.ascontiguousarray(request.boxes, np.float32).tobytes())
    if request.patches is not None:
        total.update(request.patches.tobytes())
    if request.shown is not None:
        total.update(request.shown.tobytes())
    return total.hexdigest()


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
