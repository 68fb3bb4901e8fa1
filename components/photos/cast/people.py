"""Who is in the cast, and portraits of them that differ in pose, expression and light and show the same person."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.photos.cast.directions import directions, measure
from components.photos.cast.generator import FaceGenerator
from components.photos.cast.matting import Matting, touches_top
from model.faces.analyser import Face, FaceAnalyser
from model.progress import track

# Largest change of a portrait in each attribute, in standard deviations of the generator's people.
REACH = {"yaw": 1.6, "pitch": 1.2, "smile": 2.6, "side_light": 1.6}
SHRINK = (1.0, 0.6, 0.3)  # a portrait that lost the person is drawn again, closer to the person's own face
LOOKED_AT_ONCE = 32  # possible people that are drawn before the next look at who fits
SAME_PERSON = 0.5  # least cosine (facesdk) of a portrait to the person's own face
SMILE_WIDTH = 0.93  # mouth width over eye distance above which a face counts as smiling
FIRST = "Ada Bela Cora Dario Elin Faro Gita Hanno Ilka Joris Kira Lando Mira Nilo Orla Pavel"
LAST = "Abend Birke Corva Dunst Eiben Falk Grimm Hasel Isar Jolle Karst Lenz Moor Nebel Otter Quell"


@dataclass(frozen=True)
class Person:
    """A person who does not exist: name, latent [512], unit embedding [128] of their own face, and that portrait."""

    name: str
    latent: NDArray[np.float32]
    identity: NDArray[np.float32]
    portrait: "Portrait"


@dataclass(frozen=True)
class Portrait:
    """One cut-out picture [512,512,4] of the person called `name`, the face found in it and whether it smiles.

    `resemblance` is the cosine to the person's own face.
    """

    name: str
    cut_out: NDArray[np.uint8]
    face: Face
    smiles: bool
    resemblance: float


class Studio:
    """Finds people and takes their portraits."""

    def __init__(self, generator: FaceGenerator, analyser: FaceAnalyser, matting: Matting) -> None:
        self.generator, self.analyser, self.matting = generator, analyser, matting
        self.directions = directions()

    def find_people(self, rng: np.random.Generator, names: Sequence[str], likeness: float) -> list[Person]:
        """A person for each name, no two with a cosine above `likeness`; 1 takes everybody."""
        return list(track(self._new_people(rng, names, likeness), "people", len(names), unit="person"))

    def _new_people(self, rng: np.random.Generator, names: Sequence[str], likeness: float) -> Iterator[Person]:
        known: list[NDArray[np.float32]] = []
        while len(known) < len(names):
            latents = self.generator.sample(rng, min(LOOKED_AT_ONCE, len(names) - len(known)))
            for index, (picture, face) in sorted(self._shoot(list(latents)).items()):
                identity = _unit(face.embedding)
                if max((float(identity @ other) for other in known), default=-1.0) > likeness:
                    continue
                portrait = self._portrait(names[len(known)], picture, face, 1.0)
                if not touches_top(portrait.cut_out):
                    known.append(identity)
                    yield Person(portrait.name, latents[index], identity, portrait)

    def portraits(self, rng: np.random.Generator, people: Iterable[Person], each: int) -> dict[str, list[Portrait]]:
        """`each` portraits of every person, by name, their own first; the others resemble it enough."""
        people = list(people)
        wanted = [(person, self._change(rng)) for person in people for _ in range(each - 1)]
        taken: dict[int, Portrait] = {}
        for shrink in SHRINK:
            open_ = [i for i in range(len(wanted)) if i not in taken]
            latents = [wanted[i][0].latent + shrink * wanted[i][1] for i in open_]
            for position, (picture, face) in self._shoot(latents).items():
                person = wanted[open_[position]][0]
                resemblance = float(_unit(face.embedding) @ person.identity)
                if resemblance >= SAME_PERSON:
                    taken[open_[position]] = self._portrait(person.name, picture, face, resemblance)
        album = {person.name: [person.portrait] for person in people}
        for index in sorted(taken):
            album[taken[index].name].append(taken[index])
        return album

    def _portrait(self, name: str, picture: NDArray[np.uint8], face: Face, resemblance: float) -> Portrait:
        smiles = bool(measure(face, picture)[2] > SMILE_WIDTH)
        return Portrait(name, self.matting.cut_out(picture, face.box), face, smiles, resemblance)

    def _change(self, rng: np.random.Generator) -> NDArray[np.float32]:
        amounts = {name: rng.uniform(-reach, reach) for name, reach in REACH.items()}
        return np.sum([amount * self.directions[name] for name, amount in amounts.items()], axis=0).astype(np.float32)

    def _shoot(self, latents: Sequence[NDArray[np.float32]]) -> dict[int, tuple[NDArray[np.uint8], Face]]:
        """Pictures and faces by position; a picture in which no face is found is left out."""
        pictures = list(self.generator.render(latents))
        found = self.analyser.analyse(pictures)
        return {i: (picture, faces[0]) for i, (picture, faces) in enumerate(zip(pictures, found, strict=True)) if faces}


def names(count: int) -> list[str]:
    """`count` made-up names, each once."""
    plain = [f"{first} {last}" for last in LAST.split() for first in FIRST.split()]
    return [plain[i % len(plain)] + (f" {i // len(plain) + 1}" if i >= len(plain) else "") for i in range(count)]


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
