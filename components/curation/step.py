"""The curate step: photos in, a paired dataset out."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.curation.bank import build_bank
from components.curation.calibrate import calibrate
from components.curation.captions import captions
from components.curation.config import CurationConfig
from components.curation.doubts import doubtful_names
from components.curation.examine import examine
from components.curation.faces_pass import find_faces
from components.curation.filters import drop_copies, drop_unusable, good_faces
from components.curation.forgotten import Forgotten, drop_answers
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.labels import Labels, drop_duplicates, drop_unpaired
from components.curation.looked import Looks
from components.curation.marked import drop_marked
from components.curation.networks import load, look_digest, recogniser
from components.curation.retrieve import retrieve
from components.curation.seen import listed
from components.curation.sources.folder import scan
from components.curation.split import hold_out, photo_splits
from components.curation.tables import write_dataset
from components.curation.unwanted import drop_unwanted
from components.files import ID_DIGITS, file_table, read_about, read_files
from model.artefacts import cache_folder, new_folder, work_folder
from model.dataset.dataset import Dataset
from model.dataset.records import read_table
from model.errors import UserError
from model.memory import give_back_memory, share_memory

log = logging.getLogger(__name__)


def run(*, photos: Path, dataset: Path, config: CurationConfig, looks: Sequence[Path] = ()) -> None:
    """Curate the photos that the artefact `photos` points to into the folder `dataset`.

    `looks` are folders with what other tasks have seen in photos; photos that are in none are looked at here. Raises
    `UserError` when no pair of photos of one person can be made of them.
    """
    share_memory()
    about, folder = read_about(photos)
    items, rejects = scan(folder)
    if not len(items):
        raise UserError(
            f"the photo folder {folder} holds no file that can be used{_tally(rejects)}: put photos into it"
        )
    networks = recogniser(config)
    look = look_digest(networks, config)
    forgotten = Forgotten.read(folder)
    known, spared = forgotten.spare(listed(items, file_table(photos)))
    count = len(items)
    del items  # here and below: what is not needed any more would take memory to the end
    pa.default_memory_pool().release_unused()
    with Looks(work_folder("curate", look)) as kept:
        for share in looks:
            kept.take(share)
        found, refused = find_faces(folder, known, config, lambda: load(config), kept)
        del known
        give_back_memory()  # what was freed lies between what stays; before this it would slow the networks
        shown = forgotten.shown(found, networks["digest"])
        paths = [found.photos[place].item.path for place in np.flatnonzero(shown).tolist()]
        digests = read_files(photos) if paths else {}
        again = [digests[path] for path in paths]
        rest = [found.keep(~shown)]
        del found
        named = label(rest.pop(), config)  # which holds it alone, and lets go of it
        give_back_memory()
        rejects = _masked([*rejects, *refused, *named.rejects], forgotten) + spared + forgotten.rejects(again)
        if not named.labels.names:
            raise UserError(
                f"no person in {folder} has two usable photos{_tally(rejects)}: add photos of the same people, and "
                "name them in photos.csv or by one sub-folder per person"
            )
        facts = {
            "photos_digest": about["digest"],
            "recogniser": networks | {"dim": named.labels.found.embedding.shape[1]},
            "look": look,
            **named.facts,
            "counts": {"photos": count},
        }
        with new_folder(dataset) as draft:
            counts = _write(draft, named, rejects, facts, config, _earlier(dataset, config))
        del named
        give_back_memory()
        kept.finish()
        if gone := {*again, *(reject.path for reject in spared)}:
            kept.forget(gone)
            drop_answers({key[:ID_DIGITS] for key in gone})  # where `withanyone forget` did not reach this cache
    log.info("curated: %s", json.dumps(counts))


def _masked(rejects: list[Reject], forgotten: Forgotten) -> list[Reject]:
    """Without paths that tell the name of a forgotten person."""
    return [replace(reject, path="forgotten") if forgotten.named(reject.path) else reject for reject in rejects]


def _write(
    draft: Path,
    named: "Named",
    rejects: list[Reject],
    facts: dict[str, Any],
    config: CurationConfig,
    earlier: Dataset | None,
) -> dict[str, Any]:
    before = _held_out(earlier) if earlier and config.previous else ()
    held = hold_out(named.labels, named.threshold, config, before)
    if before and held.any() and before.isdisjoint(np.array(named.labels.names)[held].tolist()):
        log.warning(
            "nobody whom the version before held out is left in the photos, so others are held out: a model that was "
            "trained on that version may know them, and is no longer judged by strangers"
        )
    splits = photo_splits(named.labels, held, named.threshold, config)
    made = captions(named.labels.found, config, partial(examine, kept=cache_folder("marks")))
    give_back_memory()
    return write_dataset(
        draft, named.labels, held, splits, made, rejects, facts, config, _lender(earlier, facts["look"])
    )


def _earlier(dataset: Path, config: CurationConfig) -> Dataset | None:
    """The earlier version of the dataset, where `config.previous` says or else at its place, if there is one."""
    if config.previous:
        return Dataset.open(Path(config.previous).expanduser())
    try:
        return Dataset.open(dataset) if (dataset / "manifest.json").is_file() else None
    except UserError:
        return None


def _held_out(earlier: Dataset) -> set[str]:
    """The names of its people held out; the table, which has their centres, is not kept."""
    people = read_table(earlier.folder, "identities")
    return set(people.filter(pc.equal(people["split"], "heldout"))["identity"].to_pylist())


def _lender(earlier: Dataset | None, look: str) -> Dataset | None:
    """The earlier version, if its pixels are of use."""
    if earlier and earlier.manifest.get("look") != look:
        log.info("the earlier version %s has other settings or networks: all shards are written anew", earlier.folder)
        return None
    return earlier


@dataclass(frozen=True)
class Named:
    """Who is who, from which similarity on faces were named, what the manifest says of that, and who dropped out."""

    labels: Labels
    threshold: float
    facts: dict[str, Any]
    rejects: list[Reject]


def label(found: Found, config: CurationConfig) -> Named:
    """Say who is who in what the faces pass found, and drop what cannot serve; the names are empty when nobody can."""
    found, rejects = drop_copies(found)
    found, unusable = drop_unusable(found, config)
    found, unwanted = drop_unwanted(found, config, partial(examine, kept=cache_folder("marks")))
    found, marked = drop_marked(found, config, cache_folder("marks"))
    good = good_faces(found, config)
    bank, refused = build_bank(found, good, config, cache_folder("copies"))
    give_back_memory()  # here too: threads take memory of their own
    calibration = calibrate(found, bank, config)
    give_back_memory()
    identity = retrieve(found, bank, good, calibration.threshold, config)
    give_back_memory()
    doubts, total = doubtful_names(bank, config)
    labels = Labels(found, bank.names, bank.centres, identity, bank.member >= 0)
    del found, bank
    reason = {reject.path: reject.reason for reject in refused}
    verdicts = [reason.get(photo.item.path) for photo in labels.found.photos]
    stays = np.array([verdict in (None, "near_duplicate") for verdict in verdicts], np.bool_)
    labels = labels.keep(stays)
    copied = np.array([verdict is not None for verdict in verdicts], np.bool_)[stays]
    labels, copies = drop_duplicates(labels, copied, cache_folder("copies"))
    give_back_memory()
    labels, unpaired = drop_unpaired(labels)
    facts = {"calibration": asdict(calibration), "doubtful_names": doubts, "doubtful_names_total": total}
    refusals = [*rejects, *unusable, *unwanted, *marked, *refused, *copies, *unpaired]
    return Named(labels, calibration.threshold, facts, refusals)


def _tally(rejects: list[Reject]) -> str:
    """The reasons for the rejects, most frequent first, in brackets."""
    counts = Counter(reject.reason for reject in rejects).most_common()
    return f" ({', '.join(f'{number} {reason}' for reason, number in counts)})" if counts else ""
