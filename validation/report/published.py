"""SimGT and copy-paste of published systems on MultiID-Bench, for orientation beside a model's own figures.

From Xu et al., "WithAnyone", arXiv 2510.14975, tables 1a, 2a and 2b: means of three recognisers by the released
evaluator, which trims outliers and does not count missing faces. Another judge and other cases: these
figures are near or far, never better or worse.
"""

from validation.report.charts import Landmark

JUDGED = "ArcFace, FaceNet and AdaFace by the released evaluator"
SOURCE = "arXiv 2510.14975, tables 1a, 2a, 2b"
Rows = tuple[tuple[str, float, float], ...]  # system, SimGT, copy-paste

ONE: Rows = (
    ("DreamO", 0.454, 0.303),
    ("OmniGen", 0.398, 0.248),
    ("OmniGen2", 0.365, 0.142),
    ("FLUX.1 Kontext", 0.324, 0.099),
    ("Qwen-Image-Edit", 0.324, 0.093),
    ("GPT-4o", 0.425, 0.178),
    ("UNO", 0.304, 0.141),
    ("USO", 0.401, 0.286),
    ("UMO", 0.458, 0.359),
    ("UniPortrait", 0.447, 0.265),
    ("ID-Patch", 0.426, 0.231),
    ("InfiniteYou", 0.439, 0.233),
    ("PuLID", 0.452, 0.315),
    ("InstantID", 0.464, 0.337),
    ("WithAnyone", 0.460, 0.144),
)
TWO: Rows = (
    ("DreamO", 0.359, 0.179),
    ("OmniGen", 0.345, 0.209),
    ("OmniGen2", 0.283, 0.081),
    ("GPT-4o", 0.332, 0.061),
    ("UNO", 0.223, 0.043),
    ("UMO", 0.328, 0.176),
    ("UniPortrait", 0.367, 0.254),
    ("ID-Patch", 0.350, 0.183),
    ("WithAnyone", 0.405, 0.161),
)
# OmniGen's row of table 2b repeats that of 2a digit for digit and is left out.
MORE: Rows = (
    ("DreamO", 0.311, 0.116),
    ("OmniGen2", 0.288, 0.099),
    ("GPT-4o", 0.445, 0.048),
    ("UNO", 0.228, 0.046),
    ("UMO", 0.318, 0.180),
    ("UniPortrait", 0.343, 0.178),
    ("ID-Patch", 0.379, 0.195),
    ("WithAnyone", 0.414, 0.171),
)
TABLES = {"1 person": ONE, "2 people": TWO, "3 to 4 people": MORE}
NAMED = ("WithAnyone", "InstantID", "UNO")  # the others would lie upon each other


def landmarks() -> list[Landmark]:
    """The systems on pictures of one person, which most systems can draw."""
    return [Landmark(name, copying, likeness, name in NAMED) for name, likeness, copying in ONE]
