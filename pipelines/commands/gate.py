"""`withanyone gate`: decides on a model, replays a decision, or overrides one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from components.steps import GATE
from pipelines.commands.options import Changes, Json, Params, settings_of
from pipelines.commands.step import input_option, run_alone

Input = Path | None
TO_BE_NAMED = ("gate.champion", "gate.forgotten", "gate.shadow")  # of a replay; all else is what it was


def gate(
    dataset: Annotated[Input, input_option("dataset")] = None,
    validation: Annotated[Input, input_option("validation")] = None,
    model: Annotated[Input, input_option("model")] = None,
    scores: Annotated[Input, input_option("scores")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the decision, to write or to override.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of a decision: make it again and say what changed."),
    ] = None,
    override: Annotated[
        str | None, typer.Option(metavar="VERDICT", help="Override the decision in --out; needs --by and --reason.")
    ] = None,
    by: Annotated[str, typer.Option(help="Name of the person who overrides.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it stays in the decision for ever.")] = "",
    changes: Changes = None,
    params: Params = None,
    as_json: Json = False,
) -> None:
    """Decide: promote, hold or reject (one step alone); or replay or override a decision."""
    inputs = {"dataset": dataset, "validation": validation, "model": model, "scores": scores}
    if replay is not None:
        words = {"--out": out, "--override": override, "--by": by, "--reason": reason}
        if given := [option for option, value in words.items() if value]:
            raise typer.BadParameter(f"a replay writes nothing: leave out {', '.join(given)}", param_hint="'--replay'")
        _replay(replay, inputs, params, changes, as_json)
        return
    missing = [f"--{name}" for name, path in inputs.items() if path is None and override is None]
    if override is not None:
        missing += [f"--{name}" for name, words in (("by", by), ("reason", reason)) if not words.strip()]
    if out is None:
        missing.append("--out")
    if missing or out is None:
        raise typer.BadParameter(f"give {', '.join(missing)} too")
    if override is None and (by or reason):
        raise typer.BadParameter("--by and --reason are of an override: give --override too, or leave them out")
    if override is None:
        run_alone(GATE, inputs, out, params, changes, as_json)
        return
    from components.gate.again import override_decision

    decision = override_decision(out, override, by, reason)
    record = {"out": str(out), "verdict": decision["verdict"], "by_rules": decision["by_rules"]["verdict"]}
    typer.echo(json.dumps(record) if as_json else f"{record['verdict']} (the rules said {record['by_rules']})")


def _replay(
    folder: Path, inputs: dict[str, Path | None], params: Path | None, changes: list[str] | None, as_json: bool
) -> None:
    from components.gate.again import replay_decision

    for change in changes or []:
        if change.partition("=")[0].strip() not in TO_BE_NAMED:
            raise typer.BadParameter(
                f"'{change}' would change nothing: a replay takes the limits of the decision, and "
                f"{', '.join(TO_BE_NAMED)} alone are named again",
                param_hint="'--set'",
            )
    settings = settings_of(params, changes or [])[GATE.name].model_dump()
    found = replay_decision(folder, inputs, settings["champion"], settings["forgotten"], settings["shadow"])
    if as_json:
        typer.echo(json.dumps({"verdict": found.verdict, "same": not found.changes, "changes": found.changes}))
    elif found.changes:
        typer.echo(f"not the same decision; changed: {', '.join(found.changes)}")
    else:
        typer.echo(f"the same bytes again: {found.verdict}")
    if found.changes:
        raise typer.Exit(5)
