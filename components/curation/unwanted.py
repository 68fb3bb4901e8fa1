"""Which photos are left out for what they show or how they look, and the examiners whose marks say so."""

from collections.abc import Callable, Sequence

from components.curation.aesthetic import AestheticExaminer
from components.curation.album import Marks
from components.curation.config import CurationConfig
from components.curation.filters import Verdict, without
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.niqe import NiqeExaminer
from components.curation.nsfw import NsfwExaminer
from components.curation.tags import TagExaminer

PhotoExaminer = NsfwExaminer | TagExaminer | NiqeExaminer | AestheticExaminer
Pass = Callable[[Found, PhotoExaminer], Sequence[Marks]]  # shows photos to an examiner and keeps what it says


def examiners(config: CurationConfig) -> list[PhotoExaminer]:
    """The examiners that the settings ask for; one whose marks could change nothing is not among them.

    Raises `UserError` where the folder of `curate.aesthetic` lacks a file.
    """
    chosen: list[PhotoExaminer] = []
    if config.max_nsfw < 1:
        chosen.append(NsfwExaminer())
    if config.tags:
        chosen.append(TagExaminer())
    if config.max_niqe is not None:
        chosen.append(NiqeExaminer())
    if config.aesthetic:
        chosen.append(AestheticExaminer(config.aesthetic, config.device))
    return chosen


def drop_unwanted(found: Found, config: CurationConfig, look: Pass) -> tuple[Found, list[Reject]]:
    """Without the photos that a limit leaves out; `look` goes through the photos. The others carry their marks on."""
    for examiner in examiners(config):
        found = found.marked(look(found, examiner))
    return without(found, [verdict(photo.marks, config) for photo in found.photos], "marks")


def verdict(marks: Marks, config: CurationConfig) -> Verdict | None:
    """Reason and detail for which a photo of these marks is left out, the gravest first; None: it stays.

    Marks that were not made, or could not be, leave nothing out.
    """
    if marks.get("nsfw", 0.0) > config.max_nsfw:
        return "nsfw", f"its nudity score {marks['nsfw']:.2f} is above max_nsfw={config.max_nsfw}"
    for label, chance in marks.get("tags", ()):
        if label in config.drop_tags and chance >= config.min_tag:
            return "tag", f"it looks like a {label} ({chance:.2f}), which drop_tags leaves out"
    niqe, aesthetic = marks.get("niqe"), marks.get("aesthetic")
    if niqe is not None and config.max_niqe is not None and niqe > config.max_niqe:
        return "quality", f"its NIQE {niqe:.1f} is above max_niqe={config.max_niqe}"
    if aesthetic is not None and config.min_aesthetic is not None and aesthetic < config.min_aesthetic:
        return "aesthetic", f"its aesthetic score {aesthetic:.2f} is below min_aesthetic={config.min_aesthetic}"
    return None
