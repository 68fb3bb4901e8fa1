"""From the files that a Bento carries to an engine: every file is checked against its digest before it is read."""

import os
from pathlib import Path

from components.packaging.bundle import DIGESTS, LINEAGE, MODEL, SCORES, SELF_TEST, WEIGHTS
from components.packaging.caches import KeptTexts
from components.packaging.consent import Consent, FaceList
from components.packaging.credentials import Credentials
from components.packaging.engine import Engine
from components.packaging.lineage import Lineage
from components.packaging.selftest import SelfTest
from components.packaging.settings import ServiceSettings
from components.packaging.terms import terms
from model.artefacts import file_digest, read_json
from model.errors import UserError
from model.faces.analyser import load_analyser
from model.sampler import Sampler
from model.weights import weight


def load_engine(bundle: Path, settings: ServiceSettings) -> Engine:
    """The engine of a bundle; the weights come from there too, never from a registry.

    Raises UserError where a file is not the one that was packaged, or a list of people cannot be trusted.
    """
    check_digests(bundle)
    os.environ["WITHANYONE_CACHE"] = str(bundle / WEIGHTS)
    pipeline = load_pipeline(bundle / MODEL)
    recogniser = pipeline.preset.recogniser
    known = file_digest(weight(recogniser))
    lists = [FaceList(path, known) if path else None for path in (settings.forgotten, settings.enrolled)]
    return Engine(
        pipeline,
        load_analyser(recogniser),
        Lineage.model_validate(read_json(bundle / LINEAGE)),
        {"licence": terms(read_json(bundle / MODEL / "training.json")), "scores": read_json(bundle / SCORES)},
        sorted(set(pipeline.preset.buckets)),
        Credentials.of(settings.certificate, settings.key),
        SelfTest.model_validate(read_json(bundle / SELF_TEST)),
        Consent(*lists),
    )


def load_pipeline(model: Path) -> Sampler:
    """The pipeline of a model folder, with a memory for texts."""
    pipeline = Sampler.load(model)
    pipeline.encode_text = KeptTexts(pipeline.encode_text)
    return pipeline


def check_digests(bundle: Path) -> None:
    """Raise UserError where a file of the bundle is missing, changed or new since it was packaged."""
    wanted: dict[str, str] = read_json(bundle / DIGESTS)
    there = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()} - {DIGESTS}
    for name in sorted(wanted.keys() | there):
        if name not in there or wanted.get(name) != file_digest(bundle / name):
            raise UserError(f"{name} of this Bento is not the file that was packaged: fetch the Bento again")
