"""`withanyone promote`, `deploy`, `containerize`, `rollback`, `lineage`, `versions`: what becomes of a decided run."""

import getpass
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from components.steps import PACKAGE
from pipelines.commands.options import RUNS, Json, RunsFolder, settings_of

if TYPE_CHECKING:
    from components.packaging.config import PackagingConfig
    from pipelines.deployment import Deployment

RegistryFolder = Annotated[
    Path, typer.Option("--registry", metavar="DIR", help="Git repository with DVC that holds the versions.")
]
DeploymentFolder = Annotated[
    Path, typer.Option("--deployment", metavar="DIR", help="Folder of what is served here: Bentos and the log.")
]
Port = Annotated[
    int, typer.Option(min=1, max=65535, envvar="WITHANYONE_PORT", help="Port of the loopback that is served on.")
]
REGISTRY, DEPLOYMENT, PORT = Path("registry"), Path("deployment"), 3000


def promote(
    run: Annotated[str, typer.Argument(help="Id of the run, or latest.")] = "latest",
    approved_by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who approves it.", show_default="you")
    ] = None,
    approved_at: Annotated[str | None, typer.Option(metavar="TIME", help="When, ISO 8601.", show_default="now")] = None,
    decision: Annotated[
        str | None, typer.Option(metavar="SHA256", help="Digest of the decision.json that was approved.")
    ] = None,
    override: Annotated[
        str | None, typer.Option(metavar="REASON", help="Promote in spite of the verdict; the reason is recorded.")
    ] = None,
    runs: RunsFolder = RUNS,
    registry: RegistryFolder = REGISTRY,
    as_json: Json = False,
) -> None:
    """Register a run as the next version (a git tag), push its data by DVC, make it the champion."""
    from pipelines.promotion import Approval, promote
    from pipelines.registry import Registry
    from pipelines.runs import Runs

    approval = Approval(approved_by or getpass.getuser(), approved_at, decision, override)
    done = promote(Runs(runs), run, Registry(registry), approval)
    state = "registered and pushed" if done["new"] else "was registered before: nothing changed"
    _tell(done, f"{done['version']} {state}", as_json)


def deploy(
    runs: RunsFolder = RUNS,
    registry: RegistryFolder = REGISTRY,
    deployment: DeploymentFolder = DEPLOYMENT,
    port: Port = PORT,
    stop: Annotated[bool, typer.Option("--stop", help="End what is served here, and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the champion here and prove it by requests; one that fails them is rolled back (exit code 6)."""
    if stop:
        served = _deployment(deployment, port, runs, registry).stop()
        words = "ended; `withanyone deploy` starts it again" if served else "nothing was served"
        _tell({"ended": served}, words, as_json)
        return
    done = _deployment(deployment, port, runs, registry).reconcile()
    failed = done["rolled_back"]
    words = f"{done['version']} serves at {done['url']}"
    _tell(done, f"{failed} failed ({done['why']}); {words}" if failed else words, as_json)
    if failed:
        raise typer.Exit(6)


def containerize(
    version: Annotated[
        str | None, typer.Argument(help="Version to make an image of.", show_default="the champion")
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option(metavar="NAME:TAG", help="Name of the image.", show_default="localhost/withanyone:VERSION"),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE", help="Image with Python 3.11 and venv below it.", show_default="python:3.11-slim-bookworm"
        ),
    ] = None,
    engine: Annotated[
        Literal["podman", "docker"] | None,
        typer.Option(help="What builds it.", show_default="podman where there is one"),
    ] = None,
    runs: RunsFolder = RUNS,
    registry: RegistryFolder = REGISTRY,
    deployment: DeploymentFolder = DEPLOYMENT,
    as_json: Json = False,
) -> None:
    """Make an image of a promoted version's Bento, by `bentoml containerize`; what was not promoted is refused."""
    from pipelines.bentos import image_of
    from pipelines.registry import Registry
    from pipelines.runs import Runs

    engine = engine or ("podman" if shutil.which("podman") else "docker")
    done = image_of(
        version, Runs(runs), Registry(registry), deployment, _packaging(), tag=tag, engine=engine, base=base
    )
    _tell(done, f"{done['version']} is the image {done['image']} ({done['id'][:12]})", as_json)


def rollback(
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Version to go back to.", show_default="the one before")
    ] = None,
    runs: RunsFolder = RUNS,
    registry: RegistryFolder = REGISTRY,
    deployment: DeploymentFolder = DEPLOYMENT,
    port: Port = PORT,
    as_json: Json = False,
) -> None:
    """Restore the previous champion: later runs are compared with it, and it is served where one is served now."""
    done = _deployment(deployment, port, runs, registry).go_back(to)
    _tell(done, f"champion: {done['version']}" + (f", serves at {done['url']}" if "url" in done else ""), as_json)


def lineage(
    thing: Annotated[str, typer.Argument(help="Version, run, digest, or the folder of a run, Bento or artefact.")],
    registry: RegistryFolder = REGISTRY,
    as_json: Json = False,
) -> None:
    """Say what a thing comes from and what came of it, from the photos to where it is served."""
    from rich.console import Console

    from pipelines.lineage import lineage, show_lineage
    from pipelines.registry import Registry

    found = lineage(thing, Registry(registry))
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show_lineage(found, Console(highlight=False, markup=False, soft_wrap=True))


def versions(registry: RegistryFolder = REGISTRY, as_json: Json = False) -> None:
    """List the registered versions, oldest first."""
    from model.words import counted
    from pipelines.deletions import affected_versions
    from pipelines.registry import Registry

    opened = Registry(registry)
    known, champion = opened.versions(), opened.production()
    forgotten = affected_versions(opened)
    if as_json:
        facts = {"champion": champion, "versions": known, "history": opened.history(), "affected": forgotten}
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, record in known.items():
        mark = "  champion" if name == champion else ""
        gone = forgotten.get(name, [])
        mark += f"  trained on {counted(len(gone), 'person')} forgotten since" if gone else ""
        typer.echo(f"{name}  run {record['run']}  {record['verdict']}, approved by {record['approval']['by']}{mark}")
    if not known:
        typer.echo(f"no version in {registry} yet: `withanyone promote` makes one")


def _deployment(folder: Path, port: int, runs: Path, registry: Path) -> "Deployment":
    from pipelines.deployment import Deployment
    from pipelines.registry import Registry
    from pipelines.runs import Runs

    return Deployment(folder, port, Runs(runs), Registry(registry), _packaging())


def _packaging() -> "PackagingConfig":
    """The settings of the step `package`, from params.yaml where there is one."""
    from components.packaging.config import PackagingConfig

    found = settings_of(None, [])[PACKAGE.name]
    assert isinstance(found, PackagingConfig)
    return found


def _tell(done: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(done, indent=2, ensure_ascii=False) if as_json else words)
