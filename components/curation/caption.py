"""The caption of a photo: its owner's, or one made of what is known of it."""

from components.curation.album import Photo
from model.captions import compose

DIM, BRIGHT = 0.25, 0.68  # mean luma, 0..1
WARM, COOL = 0.3, -0.08  # `measures.warmth`


def caption(photo: Photo, people: int) -> str:
    """The caption given with the photo, else the number of people and the light in the words of `model.captions`.

    Smiles stay out: the five landmarks do not tell them reliably across people and poses.
    """
    return photo.item.caption or compose(people, light=light(photo.exposure, photo.warmth))


def light(exposure: float, warmth: float) -> str | None:
    """The word for the light of a photo of mean luma `exposure` (0..1) and `warmth` (-1..1); None: not plain.

    Backdrops and clothes move both figures, so only extremes are named.
    """
    if exposure < DIM:
        return "dim light"
    if exposure > BRIGHT:
        return "bright light"
    if warmth > WARM:
        return "warm light"
    return "cool light" if warmth < COOL else None
