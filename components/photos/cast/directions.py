"""Directions in the generator's latent space that change pose, expression or light and keep the person.

`python -m components.photos.cast.directions OUT` measures them anew (about 5 minutes); the product ships the result.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from components.photos.cast.generator import LATENT, SIZE, FaceGenerator
from model.artefacts import new_file
from model.faces.analyser import Face, FaceAnalyser
from model.faces.detector import Detector
from model.faces.recogniser import load_recogniser
from model.progress import track

ATTRIBUTES = ("yaw", "pitch", "smile", "side_light")
SHIPPED = Path(__file__).with_name("directions.safetensors")
PEOPLE, SEED, RIDGE = 1000, 7, 3.0
CHEEK = 14  # pixels: half the side of the square whose brightness is a cheek's


def directions() -> dict[str, NDArray[np.float32]]:
    """Change of the latent [512] for one standard deviation of each attribute, by name."""
    return load_file(SHIPPED)


def measure(face: Face, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The attributes of one portrait, from its landmarks (in eye distances) and its cheeks' brightness."""
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    distance = np.linalg.norm(right_eye - left_eye)
    yaw = (nose[0] - (eyes[0] + mouth[0]) / 2) / distance
    pitch = (nose[1] - eyes[1]) / max(mouth[1] - eyes[1], 1.0)
    smile = np.linalg.norm(right_mouth - left_mouth) / distance
    left, right = (
        _brightness(picture, (eye + corner) / 2) for eye, corner in ((left_eye, left_mouth), (right_eye, right_mouth))
    )
    return np.array([yaw, pitch, smile, (right - left) / (right + left + 1.0)])


def _brightness(picture: NDArray[np.uint8], centre: NDArray[np.float64]) -> float:
    x, y = (int(np.clip(value, CHEEK, SIZE - CHEEK - 1)) for value in centre)
    return float(picture[y - CHEEK : y + CHEEK, x - CHEEK : x + CHEEK].mean())


def fit(
    latents: NDArray[np.floating], attributes: NDArray[np.floating], identities: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Ridge regression of latents [N,512] on standardised attributes [N,A] beside identity embeddings [N,d].

    The identity columns take what belongs to the person, so the returned attribute rows [A,512] move the rest.
    """
    standard = (attributes - attributes.mean(0)) / attributes.std(0)
    columns = np.concatenate([standard, identities - identities.mean(0)], 1)
    gram = columns.T @ columns + RIDGE * np.eye(columns.shape[1])
    solution = np.linalg.solve(gram, columns.T @ (latents - latents.mean(0)))
    return np.asarray(solution[: attributes.shape[1]])


def main(out: Path) -> None:
    """Render a bank of people, measure it and write the directions to `out`."""
    generator = FaceGenerator()
    analyser = FaceAnalyser(Detector.load(), load_recogniser("facesdk"), max_side=320)
    latents = generator.sample(np.random.default_rng(SEED), PEOPLE)
    rows: dict[int, tuple[NDArray[np.float64], NDArray[np.float32]]] = {}
    for index, picture in enumerate(track(generator.render(latents), "people", PEOPLE, "person")):
        faces = analyser.analyse([picture])[0]
        if faces:
            unit = faces[0].embedding / np.linalg.norm(faces[0].embedding)
            rows[index] = measure(faces[0], picture), unit
    kept = sorted(rows)
    found = fit(latents[kept], np.stack([rows[i][0] for i in kept]), np.stack([rows[i][1] for i in kept]))
    if found.shape != (len(ATTRIBUTES), LATENT):
        raise RuntimeError(f"fitted directions have shape {found.shape}")
    with new_file(out) as draft:
        save_file({name: row.astype(np.float32) for name, row in zip(ATTRIBUTES, found, strict=True)}, draft)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
