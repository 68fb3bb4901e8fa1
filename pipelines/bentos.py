"""The Bento of a registered version, the one that its run packaged or one built from the registry, and its image."""

import tempfile
from pathlib import Path
from typing import Any

from components.packaging.config import PackagingConfig
from model.artefacts import UnreadableError, file_digest, new_folder, read_json
from model.locks import only_user
from pipelines.registry import Registry
from pipelines.runs import Runs
from pipelines.store import link_tree

LINEAGE = Path("src", "bundle", "lineage.json")


def bento_of(record: dict[str, Any], runs: Runs, registry: Registry, folder: Path, packaging: PackagingConfig) -> Path:
    """The folder below `folder` with the Bento of the version `record`, made there with `packaging` when missing."""
    bento = folder / str(record["version"])
    if matches(bento, record):
        return bento
    packaged = runs.folder / record["run"] / "bento"
    with new_folder(bento) as draft:
        if matches(packaged, record):
            draft.rmdir()
            link_tree(packaged, draft)
        else:
            _build(record, registry, draft, packaging)
    return bento


def image_of(
    version: str | None,
    runs: Runs,
    registry: Registry,
    folder: Path,
    packaging: PackagingConfig,
    *,
    tag: str | None,
    engine: str,
    base: str | None,
) -> dict[str, str]:
    """Make an image of the registered `version`, else of the one in production; returns `version`, `image` and `id`.

    The Bento is kept below `folder`. Raises UserError for what was never promoted.
    """
    record = registry.find(version or registry.champion())
    from components.packaging.containerize import containerize  # heavy: a refusal comes before it

    with only_user(folder / "lock", f"the deployment {folder}"):
        bento = bento_of(record, runs, registry, folder / "bentos", packaging)
        name = tag or f"localhost/withanyone:{record['version']}"
        labels = {"org.opencontainers.image.title": "withanyone", "org.opencontainers.image.version": record["version"]}
        labels |= {f"withanyone.{key}": str(value) for key, value in read_json(bento / LINEAGE).items()}
        return {"version": record["version"], "image": name, "id": containerize(bento, name, engine, base, labels)}


def matches(bento: Path, record: dict[str, Any]) -> bool:
    """Whether the folder holds a whole Bento of the version's model and decision."""
    try:
        lineage = read_json(bento / LINEAGE)
        whole = (bento / "bento.yaml").is_file() and (bento / "proof.json").is_file()
    except UnreadableError:
        return False
    return whole and (lineage["model"], lineage["decision"]) == (record["model"], record["decision"])


def _build(record: dict[str, Any], registry: Registry, draft: Path, packaging: PackagingConfig) -> None:
    from components.packaging.step import run

    with tempfile.TemporaryDirectory() as scratch:
        places = {name: Path(scratch, name) for name in ("model", "scores", "decision")}
        for name, place in places.items():
            registry.fetch(record["version"], name, place)
        assert file_digest(places["decision"] / "decision.json") == record["decision"]
        draft.rmdir()
        run(**places, bento=draft, config=packaging.model_copy(update={"anyway": True}))
