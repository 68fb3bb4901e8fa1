"""What the service takes at most: the numbers that its checks, its schema and its `model` answer share."""

from typing import Any

REQUEST_BYTES = 32 << 20  # a body with four references in base64
PICTURE_BYTES = 8 << 20  # one reference, decoded
PICTURE_PIXELS = 24_000_000  # a phone's photo; RGB takes three bytes a pixel
PICTURE_SIDE = 64  # pixels; smaller pictures hold no face that can be embedded
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP")
PROMPT_CHARACTERS = 1000
REFERENCES = 4
FACE_SIDE = 32  # pixels of the shorter side of a face's box in the reference
BOX_SIDE = 0.05  # of the picture's side
SEED = 2**32 - 1
STEPS = 100
ID_WEIGHT = 2.0
PICTURES = 8  # that one request makes: one batch of the pipeline
TOGETHER = 4  # requests for one picture each that are alike and may be made in one call; more gain little
WAITING = 16  # requests that stand in line or are being answered; the next one is told to come later
SECONDS = 240  # of a request's life, its wait included
BODY_SECONDS = 60  # in which a body has to arrive
HELD_BYTES = 8 * REQUEST_BYTES  # of all bodies in memory at a time
TASKS = 64  # finished ones that are kept
TASK_SECONDS = 600  # for which a finished one is kept


def told() -> dict[str, Any]:
    """The limits as the service tells them, with units in the names."""
    return {
        "request_bytes": REQUEST_BYTES,
        "picture_bytes": PICTURE_BYTES,
        "picture_pixels": PICTURE_PIXELS,
        "picture_side_pixels_min": PICTURE_SIDE,
        "picture_formats": list(PICTURE_FORMATS),
        "prompt_characters": PROMPT_CHARACTERS,
        "references": REFERENCES,
        "face_side_pixels_min": FACE_SIDE,
        "box_side_fraction_min": BOX_SIDE,
        "seed": SEED,
        "steps": STEPS,
        "id_weight": ID_WEIGHT,
        "pictures": PICTURES,
        "requests_waiting": WAITING,
        "request_seconds": SECONDS,
        "tasks_kept": TASKS,
        "task_kept_seconds": TASK_SECONDS,
    }
