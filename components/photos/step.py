"""Bring the photos into a run: name the user's folder, download a list of URLs, or make the virtual cast."""

from contextlib import ExitStack
from pathlib import Path

from components.files import ABOUT, write_files
from components.photos.config import PhotosConfig
from model.artefacts import entangled, new_folder, read_json, write_json
from model.errors import UserError

SOURCES = ("folder", "urls", "cast")


def run(*, photos: Path, config: PhotosConfig) -> None:
    """Write the artefact `photos`: photos.json, the list of files, and the pictures unless `config.folder` has them.

    Downloaded pictures come with refused.parquet, the cast's with their truth. Raises UserError when the folder or the
    list is not there, when both are named, when it lies in the output or the output in the folder, or when the list
    gives no photo.
    """
    config.check_source()
    _refuse_loss(photos, config)
    # Downloads are held until the photos have their name: listing millions takes hours, in which much can happen.
    with ExitStack() as held, new_folder(photos) as out:
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
            write_album(folder, out / REFUSED, config, held, photos / place)
        else:
            from components.photos.cast.cast import write_cast

            place, source, folder = "photos", "cast", out / "photos"
            folder.mkdir()
            write_cast(folder, out / "truth" / "truth.json", config)
        about = {"schema": 1, "folder": place, "source": source, "digest": write_files(folder, out)}
        if config.urls:
            about["list"] = str(Path(config.urls).expanduser().resolve())
        write_json(out / ABOUT, about)


def _refuse_loss(photos: Path, config: PhotosConfig) -> None:
    """Raise UserError where the output would replace what it is made of, or what this step has not made."""
    for name, given in (("folder", config.folder), ("urls", config.urls)):
        if given and entangled(Path(given).expanduser(), photos):
            raise UserError(
                f"photos.{name} '{given}' and the output {photos} lie one in the other: give an output outside of it, "
                "or what is made would replace the photos, or be taken for some"
            )
    if (photos / ABOUT).exists() and not _replaceable(photos / ABOUT):
        raise UserError(
            f"{photos} is there already and holds photos that this step did not write: give the name of a new folder"
        )


def _replaceable(about: Path) -> bool:
    """Whether it is of an artefact of this step: an imported release has such a file, too, and so may any album."""
    try:
        return read_json(about).get("source") in SOURCES
    except UserError:
        return False
