"""Bring the photos into a run: name the user's folder, or make the virtual cast."""

from pathlib import Path

from components.files import write_files
from components.photos.config import PhotosConfig
from model.artefacts import new_folder, write_json
from model.errors import UserError


def run(*, photos: Path, config: PhotosConfig) -> None:
    """Write the artefact `photos`: photos.json and the list of the folder's files with their digests.

    Without a `config.folder` the cast is made, with its truth. Raises UserError when that folder is not there.
    """
    with new_folder(photos) as out:
        if config.folder:
            folder = Path(config.folder).expanduser().resolve()
            if not folder.is_dir():
                raise UserError(
                    f"photos.folder '{config.folder}' is not a folder; give the path of a folder with photos"
                )
            place, source = str(folder), "folder"
        else:
            from components.photos.cast.cast import write_cast

            place, source, folder = "photos", "cast", out / "photos"
            folder.mkdir()
            write_cast(folder, out / "truth" / "truth.json", config)
        about = {"schema": 1, "folder": place, "source": source, "digest": write_files(folder, out)}
        write_json(out / "photos.json", about)
