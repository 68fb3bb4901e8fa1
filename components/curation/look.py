"""The faces pass over one share of the photos, for graphs in which several tasks look at photos side by side."""

from pathlib import Path

import pyarrow as pa

from components.curation.config import ShareConfig
from components.curation.faces_pass import PART, find_faces
from components.curation.forgotten import Forgotten
from components.curation.kept import KEY
from components.curation.looked import Looks
from components.curation.networks import load, look_digest, recogniser
from components.curation.seen import listed
from components.curation.sources.folder import scan
from components.files import file_table, read_about
from model.artefacts import new_folder, work_folder


def run(*, photos: Path, looks: Path, config: ShareConfig) -> None:
    """Look at the share `config.share` of `config.shards` of the photos, and write what was seen to the folder `looks`.

    Curation takes up what lies in such folders, and gives the same dataset whatever the number of shares.
    """
    _, folder = read_about(photos)
    known, _ = Forgotten.read(folder).spare(listed(scan(folder)[0], file_table(photos)))
    mine = share_of(known, config)
    with Looks(work_folder("curate", look_digest(recogniser(config), config))) as kept:
        find_faces(folder, mine, config, lambda: load(config), kept)
        with new_folder(looks) as draft:
            kept.give([key for key in mine[KEY].to_pylist() if key], draft)


def share_of(photos: pa.Table, config: ShareConfig) -> pa.Table:
    """The photos of one share: neighbours in whole parts of the faces pass, so that these are cut as without shares."""
    size = PART[config.device]
    parts = -(-len(photos) // size)
    first, last = (parts * share // config.shards * size for share in (config.share, config.share + 1))
    return photos.slice(first, last - first)
