"""Bring the photos into a run: name the user's folder, download a list of URLs, or make the virtual cast."""

from pathlib import Path

from components.files import write_files
from components.photos.config import PhotosConfig
from model.artefacts import new_folder, write_json
from model.errors import UserError


def run(*, photos: Path, config: PhotosConfig) -> None:
    """Write the artefact `photos`: photos.json, the list of files, and the pictures unless `config.folder` has them.

    Downloaded pictures come with refused.parquet, the cast's with their truth. Raises UserError when the folder or the
    list is not there, when both are named, or when the list gives no photo.
    """
    if config.folder and config.urls:
        raise UserError(
            f"photos.folder '{config.folder}' and photos.urls '{config.urls}' are both set: one run takes one of them"
        )
    with new_folder(photos) as out:
        if config.folder:
            folder = Path(config.folder).expanduser().resolve()
            if not folder.is_dir():
                raise UserError(
                    f"photos.folder '{config.folder}' is not a folder; give the path of a folder with photos"
                )
            place, source = str(folder), "folder"
        elif config.urls:
            from components.photos.urls.album import REFUSED, write_album

            place, source, folder = "photos", "urls", out / "photos"
            folder.mkdir()
            write_album(folder, out / REFUSED, config)
        else:
            from components.photos.cast.cast import write_cast

            place, source, folder = "photos", "cast", out / "photos"
            folder.mkdir()
            write_cast(folder, out / "truth" / "truth.json", config)
        about = {"schema": 1, "folder": place, "source": source, "digest": write_files(folder, out)}
        write_json(out / "photos.json", about)
