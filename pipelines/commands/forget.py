"""`withanyone forget`: take a person out of a dataset and keep them out of all later ones."""

from pathlib import Path
from typing import Annotated

import typer


def forget(
    person: Annotated[str, typer.Argument(help="Name of the person, as the dataset or the photos have it.")],
    photos: Annotated[
        Path, typer.Option(exists=True, file_okay=False, metavar="DIR", help="Your folder of photos: gets a tombstone.")
    ],
    dataset: Annotated[
        Path,
        typer.Option(
            exists=True, file_okay=False, metavar="DIR", help="Dataset made of them; becomes its next version."
        ),
    ],
    delete_photos: Annotated[
        bool, typer.Option("--delete-photos", help="Delete the files that show who is forgotten, now or before, too.")
    ] = False,
) -> None:
    """Forget a person: no dataset made of these photos has a photo or a face of them again."""
    from components.curation.forget import forget as forget_person
    from model.words import counted
    from pipelines.commands.step import show_progress
    from pipelines.erasing import erase, kept_by_runs

    show_progress()
    done = forget_person(person, photos.resolve(), dataset.resolve())
    typer.echo(f"left out of the new version of {dataset}: {counted(done.photos, 'photo')}")
    if done.nearest is not None:
        typer.echo(
            f"searched by face: the nearest face left has {done.nearest:.3f}, {done.limit:.3f} would be the person"
        )
    else:
        typer.echo("not searched by face: the person is known by name and by photos alone, or by another recogniser")
    files = sorted({*done.files, *kept_by_runs(photos.resolve(), done.ids)})
    more = erase(files) if delete_photos else 0
    for file in files:
        typer.echo(f"{'deleted' if delete_photos else 'still there, yours to delete'}: {file}")
    if more:
        typer.echo(f"with more hard links elsewhere, which are to be deleted, too: {counted(more, 'photo')}")
    typer.echo("Earlier versions, earlier runs, and models trained on them, still hold the person: remove them too.")
