"""From the files that a Bento carries to an engine: every file is checked against its digest before it is read."""

import os
from pathlib import Path

from components.packaging.bundle import DIGESTS, LINEAGE, MODEL, SCORES, SELF_TEST, WEIGHTS
from components.packaging.caches import KeptTexts
from components.packaging.consent import Consent, FaceList
from components.packaging.credentials import Credentials
from components.packaging.engine import Engine
from components.packaging.lineage import Lineage
from components.packaging.presets import check_frozen, recogniser_digest, served_preset
from components.packaging.references import Look
from components.packaging.selftest import SelfTest
from components.packaging.settings import ServiceSettings
from components.packaging.terms import terms
from model.artefacts import file_digest, read_json
from model.device import check_device
from model.errors import UserError
from model.presets import Preset, load_faces, load_tower
from model.sampler import Sampler


def load_engine(bundle: Path, settings: ServiceSettings) -> Engine:
    """The engine of a bundle; the weights come from there too, never from a registry.

    Raises UserError where a file or a part is not the one that was packaged, there is no such device, or a list of
    people cannot be trusted.
    """
    check_digests(bundle)
    check_device(settings.device)
    os.environ["WITHANYONE_CACHE"] = str(bundle / WEIGHTS)
    chosen = served_preset(bundle / MODEL)
    check_frozen(bundle, chosen)
    pipeline = Sampler.load(bundle / MODEL, settings.device)
    pipeline.encode_text = KeptTexts(pipeline.encode_text)
    known = recogniser_digest(chosen)
    lists = [FaceList(path, known) if path else None for path in (settings.forgotten, settings.enrolled)]
    return Engine(
        pipeline,
        load_faces(chosen, settings.device),
        Lineage.model_validate(read_json(bundle / LINEAGE)),
        {"licence": terms(read_json(bundle / MODEL / "training.json"), chosen), "scores": read_json(bundle / SCORES)},
        sorted(set(chosen.buckets)),
        Credentials.of(settings.certificate, settings.key),
        SelfTest.model_validate(read_json(bundle / SELF_TEST)),
        Consent(*lists),
        load_look(chosen, settings.device),
        chosen.adapter.branches,
        edits=chosen.edits,
    )


def load_look(chosen: Preset, device: str) -> Look | None:
    """What a preset's SigLIP branch sees in a face; None for an adapter without that branch."""
    tower = load_tower(chosen, device)
    return tower.look if tower else None


def check_digests(bundle: Path) -> None:
    """Raise UserError where a file of the bundle is missing, changed or new since it was packaged."""
    wanted: dict[str, str] = read_json(bundle / DIGESTS)
    there = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()} - {DIGESTS}
    for name in sorted(wanted.keys() | there):
        if name not in there or wanted.get(name) != file_digest(bundle / name):
            raise UserError(f"{name} of this Bento is not the file that was packaged: fetch the Bento again")
