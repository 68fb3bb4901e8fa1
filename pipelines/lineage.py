"""What a thing comes from and what came of it: photos, dataset, code, run, scores, decision, approval, deployments."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from model.artefacts import file_digest, folder_digest, read_json
from model.errors import UserError
from model.words import counted
from pipelines.bentos import LINEAGE
from pipelines.registry import DATA, NAME, Registry

DIGITS = 8  # of a digest that are enough to name a thing
PARTS = (*DATA, "validation")


def lineage(thing: str, registry: Registry) -> dict[str, Any]:
    """The chain of each version that `thing` is or went into, newest first.

    `thing` is a version, a run's id, a digest (or its first digits) of a dataset, model, scores, validation or
    decision, or the path of a run, a Bento, a decision or a folder of such. Raises UserError where no version has it.
    """
    versions = registry.versions()
    kind, digest = _kind(thing)
    found = {name: record for name, record in versions.items() if _is_of(name, record, thing, digest)}
    if not found:
        raise UserError(
            f"Nothing in the registry {registry.root} is or was made of {thing!r}: name a version ("
            f"{', '.join(versions) or 'there is none yet'}), a run, digest or the folder of a run, Bento or artefact."
        )
    history = registry.history()
    chains = [_chain(name, record, history) for name, record in reversed(found.items())]
    return {"thing": thing, "kind": kind or _kind_of_digest(thing, found), "versions": chains}


def _chain(name: str, record: dict[str, Any], history: list[dict[str, str]]) -> dict[str, Any]:
    turns = [turn for turn in history if turn["version"] == name]
    serving = bool(turns) and history[-1]["version"] == name
    return {"version": name, "production": serving, "deployments": turns, **record}


def _kind(thing: str) -> tuple[str | None, str]:
    """What a path holds, and the digest or run to look for; None and the word itself where it is no path."""
    path = Path(thing)
    if (path / "run.json").is_file():
        return "run", str(read_json(path / "run.json", "id")["id"])
    for name in (LINEAGE, LINEAGE.relative_to("src")):
        if (path / name).is_file():
            return "bento", str(read_json(path / name)["decision"])
    for file in (path, path / "decision.json"):
        if file.name == "decision.json" and file.is_file():
            return "decision", file_digest(file)
    if (path / "manifest.json").is_file():
        from model.dataset.dataset import Dataset

        return "dataset", Dataset.open(path).digest
    for marker, kind in (("training.json", "model"), ("scores.json", "scores"), ("result.json", "validation")):
        if (path / marker).is_file():
            return kind, folder_digest(path)
    return None, thing.removeprefix(f"{NAME}:")


def _kind_of_digest(thing: str, found: dict[str, dict[str, Any]]) -> str:
    record = next(iter(found.values()))
    word = thing.removeprefix(f"{NAME}:")
    return next(
        (part for part in PARTS if _named(str(record[part]), word)), "run" if record["run"] == thing else "version"
    )


def _is_of(name: str, record: dict[str, Any], thing: str, digest: str) -> bool:
    names = {name, name.partition(".")[0], f"{NAME}@{name}", record["run"]}
    return not names.isdisjoint({thing, digest}) or any(_named(str(record[part]), digest) for part in PARTS)


def _named(digest: str, word: str) -> bool:
    """Whether `word` is the digest, or enough of its first digits; a Bento's tag has 16 of its model's."""
    return len(word) >= DIGITS and digest.startswith(word)


def show_lineage(found: dict[str, Any], console: Console) -> None:
    """Print the chains for a reader: what comes from what, from the photos down to where it is served."""
    console.print(f"{found['thing']} ({found['kind']})")
    for chain in found["versions"]:
        console.print(f"{NAME}@{chain['version']}" + ("  in production" if chain["production"] else ""))
        for words in _lines(chain):
            console.print(f"  {words}", soft_wrap=True)


def _lines(chain: dict[str, Any]) -> Iterator[str]:
    photos, approval = chain["photos"], chain["approval"]
    yield f"photos    {photos['count']}"
    for name in ("source", "licence", "consent"):
        stated = ", ".join(f"{value or 'not stated'} {count}" for value, count in photos[name].items())
        yield f"  {name:<8}{stated}"
    yield f"dataset   {chain['dataset']}"
    yield f"code      {chain['code']['version']}, commit {chain['code']['commit'] or 'not known'}"
    yield f"run       {chain['run']}, {chain['ran']}"
    yield f"model     {chain['model']}, trained on {counted(len(chain['people']), 'person')}"
    figures = ", ".join(f"{name} {value['mean']:.3f}" for name, value in sorted(chain["figures"].items()))
    yield f"scores    {chain['scores']} by {chain['judge']}: {figures}"
    yield f"decision  {chain['decision']}: {chain['verdict']} ({chain['reason']})"
    override = f", although: {approval['override']}" if approval["override"] else ""
    yield f"approved  by {approval['by']}, {approval['at']}{override}"
    for turn in chain["deployments"]:
        yield f"put into production  {turn['at']}: {turn['why']}"
