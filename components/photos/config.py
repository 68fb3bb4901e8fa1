"""Settings of the step `photos`."""

from pydantic import Field

from model.errors import UserError
from model.settings import Settings


class PhotosConfig(Settings):
    """Where the photos come from, how they are downloaded, and the size of the virtual cast when nobody brings any."""

    folder: str = Field("", description="A folder of photos to use as it is; empty: make the virtual cast.")
    urls: str = Field(
        "", description="A list of URLs (.csv, .tsv or .parquet with a column url) to download; empty: none."
    )
    connections: int = Field(32, ge=1, le=256, description="Downloads at one time.")
    per_host: int = Field(4, ge=1, le=64, description="Downloads at one time from one host.")
    seconds: float = Field(
        60, gt=0, le=3600, description="Seconds that one download may take, waiting for its turn not counted."
    )
    largest_megabytes: float = Field(32, gt=0, le=1000, description="Size above which a download is refused.")
    allow_private: bool = Field(
        False,
        description="Download from loopback, private and other addresses that are not of the public internet, too.",
    )
    seed: int = Field(
        2026, ge=0, description="Seed of the virtual cast: the same seed gives the same people and photos."
    )
    people: int = Field(40, ge=2, le=4096, description="People of the cast who have a name.")
    photos: int = Field(8, ge=1, le=100, description="Single photos of each person.")
    group_portraits: int = Field(6, ge=1, le=100, description="Further portraits of each person, used in scenes only.")
    scenes: int = Field(120, ge=0, le=100_000, description="Photos of 1 to 4 people of one circle of acquaintances.")
    strangers: int = Field(12, ge=0, le=500, description="People without a name, alone and in the scenes.")
    stranger_share: float = Field(
        0.15, ge=0, le=1, description="Share of the scenes of 2 or 3 people in which a stranger stands."
    )
    places: int = Field(8, ge=0, le=1000, description="Photos with nobody in them.")
    blemishes: bool = Field(True, description="Add broken, empty, animated, oddly coded and oddly named files.")
    likeness: float = Field(
        0.4, ge=-1, le=1, description="Largest cosine between two people of the cast; 1 takes everybody."
    )

    def check_source(self) -> None:
        """Raise UserError where the photos are to come from two places."""
        if self.folder and self.urls:
            raise UserError(
                f"photos.folder '{self.folder}' and photos.urls '{self.urls}' are both set: one run takes one of them"
            )
