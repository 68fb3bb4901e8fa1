"""The command line `withanyone`. Nothing heavy is imported before a command runs, so that --help answers at once."""

import sys
from typing import Annotated

import typer

from components.shell import sentence_of
from components.steps import GATE, STEPS
from model.errors import PREEMPTED, BusyError, FailedValidationError, Preempted, UserError
from pipelines.commands import branches, cluster, data, main_job, multiid, outside, registry, served, watch
from pipelines.commands.forget import forget
from pipelines.commands.gate import gate
from pipelines.commands.step import command_name, step_command
from pipelines.settings import SettingsError

EXIT_CODES = (
    "Exit codes: 0 done; 1 something unexpected; 2 wrong usage or settings; 3 an input cannot be used; "
    "4 the dataset failed its validation; 5 `withanyone gate` or `withanyone submit` says hold or reject, or a replay "
    "is not the same; 6 `withanyone deploy` rolled back; 75 preempted, or another process is at it, "
    "and 130 Ctrl-C: start it again."
)
CODES: dict[type[UserError], int] = {SettingsError: 2, FailedValidationError: 4, BusyError: PREEMPTED}

app = typer.Typer(
    help=f"Retrain identity-consistent image generation: photos in, a judged and packaged model out.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command()(main_job.run)
for step in STEPS:
    app.command(command_name(step))(gate if step == GATE else step_command(step))
app.command()(forget)
app.command()(outside.serve)
app.command()(served.verify)
app.add_typer(served.shadow_app, name="shadow")
app.command()(registry.promote)
app.command()(registry.deploy)
app.command()(registry.containerize)
app.command()(registry.rollback)
app.command()(registry.versions)
app.command()(registry.lineage)
app.command()(watch.drift)
app.add_typer(watch.deletions_app, name="deletions")
app.command("compile")(cluster.compile_pipeline)
app.command()(cluster.submit)
app.add_typer(main_job.runs_app, name="runs")
app.add_typer(data.data_app, name="data")
app.command("import-multiid")(multiid.import_multiid)
app.command("export-multiid")(multiid.export_multiid)
app.command("merge-branches")(branches.merge_branches)
app.command()(outside.weights)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"withanyone {version('withanyone')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take what stands before the command."""


def main() -> None:
    """Run the command line; a problem that the user can mend is one sentence on stderr."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(next((code for kind, code in CODES.items() if isinstance(error, kind)), 3))
    except Preempted as notice:
        sys.stderr.write(f"{notice}\n")
        sys.exit(PREEMPTED)
    except OSError as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.stderr.write(f"{sentence}\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
