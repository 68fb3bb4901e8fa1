"""What is expected of a dataset, as data: each check's rule in words, its frame, the expectation that decides it."""

from dataclasses import dataclass
from functools import partial

from great_expectations.expectations.core.expect_column_pair_values_to_be_equal import ExpectColumnPairValuesToBeEqual
from great_expectations.expectations.core.expect_column_value_lengths_to_be_between import (
    ExpectColumnValueLengthsToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_be_unique import ExpectColumnValuesToBeUnique
from great_expectations.expectations.core.expect_column_values_to_match_regex import ExpectColumnValuesToMatchRegex
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.core.expect_table_row_count_to_be_between import ExpectTableRowCountToBeBetween
from great_expectations.expectations.expectation import Expectation

from validation.dataset.expectations import ExpectBoxesToLieInside
from validation.dataset.limits import Limits
from validation.dataset.tables import BOX, FINGERPRINT

CENTRE_AGREEMENT = 0.95


@dataclass(frozen=True)
class Check:
    """One expectation over the frame `table`; `key` is the column that names a row."""

    name: str
    rule: str
    expectation: Expectation
    table: str
    key: str


photo = partial(Check, table="images", key="image_id")
face = partial(Check, table="faces", key="face_id")
person = partial(Check, table="identities", key="identity")
pair = partial(Check, table="pairs", key="target")
shard = partial(Check, table="shards", key="name")


def type_checks() -> list[Check]:
    """The check that every table has exactly its columns, in their types."""
    rule = "every table has the columns of the schema in their types, and no other column"
    return [Check("column types", rule, _equal("expected", "found"), table="columns", key="column")]


def checks(limits: Limits, dim: int, face_leak: float) -> list[Check]:
    """All checks over the measured frames, for embeddings of length `dim`; `face_leak` as `limits.face_leak`."""
    return [
        *_file_checks(),
        *_key_checks(),
        *_range_checks(),
        *_face_checks(limits, dim),
        *_identity_checks(limits, dim),
        *_pair_checks(limits),
        *_split_checks(limits, face_leak),
        *_rights_checks(limits),
    ]


def _between(column: str, low: float | None = None, high: float | None = None) -> Expectation:
    return ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def _in_set(column: str, *values: str | bool) -> Expectation:
    return ExpectColumnValuesToBeInSet(column=column, value_set=list(values))


def _equal(a: str, b: str) -> Expectation:
    return ExpectColumnPairValuesToBeEqual(column_A=a, column_B=b)


def _unique(column: str) -> Expectation:
    return ExpectColumnValuesToBeUnique(column=column)


def _filled(column: str) -> Expectation:
    return ExpectColumnValueLengthsToBeBetween(column=column, min_value=1)


def _file_checks() -> list[Check]:
    counts = partial(Check, table="counts", key="what")
    return [
        shard("shard digests", "each shard has the digest the manifest states", _equal("sha256", "sha256_found")),
        shard("shard samples", "each shard holds as many photos as stated", _equal("samples", "samples_found")),
        counts("table counts", "the tables have as many rows as the manifest states", _equal("stated", "found")),
    ]


def _key_checks() -> list[Check]:
    reject = partial(Check, table="rejects", key="path")
    there = ExpectColumnValuesToNotBeNull(column="image_split")
    return [
        photo("photo keys", "no photo is listed twice", _unique("image_id")),
        face("face keys", "no face is listed twice", _unique("face_id")),
        person("identity keys", "no person is listed twice", _unique("identity")),
        face("faces have photos", "the photo of every face is listed", there),
        face("faces have people", "every named person is listed", _equal("identity", "identity_listed")),
        reject("reject reasons", "everything that was refused says why", _filled("reason")),
    ]


def _range_checks() -> list[Check]:
    roles = _in_set("role", "reference", "target", "unknown")
    return [
        photo("photo widths", "every photo is at least 1 px wide", _between("width", 1)),
        photo("photo heights", "every photo is at least 1 px high", _between("height", 1)),
        photo("photo kinds", "a photo is a single or a group", _in_set("kind", "single", "group")),
        photo("photo splits", "a photo is in train, heldout or mixed", _in_set("split", "train", "heldout", "mixed")),
        photo("exposure", "mean luma lies in 0..1", _between("exposure", 0, 1)),
        photo("photo sharpness", "sharpness is not negative", _between("sharpness", 0)),
        face("face sharpness", "sharpness is not negative", _between("sharpness", 0)),
        face("detection scores", "detection scores lie in 0..1", _between("score", 0, 1)),
        face("similarities", "cosines to the centre lie in -1..1", _between("similarity", -1.0001, 1.0001)),
        face("roles", "a face is a reference, a target or unknown", roles),
        person("identity splits", "a person is in train or heldout", _in_set("split", "train", "heldout")),
    ]


def _face_checks(limits: Limits, dim: int) -> list[Check]:
    low, high, side = limits.minimum_norm, limits.maximum_norm, limits.minimum_face
    known = partial(Check, table="known faces", key="face_id")
    inside = ExpectBoxesToLieInside(column_list=[*BOX, "width", "height"], overhang=limits.maximum_overhang)
    points = _in_set("landmarks_finite", True)
    finite = _in_set("embedding_finite", True)
    hashed = ExpectColumnValuesToMatchRegex(column="fingerprint", regex=f"^{FINGERPRINT}$")
    return [
        face(
            "boxes inside",
            f"boxes reach over the photo's rim by at most {limits.maximum_overhang:g} of their size",
            inside,
        ),
        known("face sizes", f"the shorter side of a known face is at least {side:g} px", _between("side", side)),
        face("landmarks", "every face has five finite points", points),
        face("fingerprints", "every face has a fingerprint of 16 hex digits", hashed),
        face("embeddings finite", f"every embedding has {dim} finite numbers", finite),
        face("embedding norms", f"raw embeddings are {low:g} to {high:g} long", _between("norm", low, high)),
    ]


def _identity_checks(limits: Limits, dim: int) -> list[Check]:
    spread, apart, least = limits.minimum_spread, limits.maximum_separation, limits.minimum_references
    finite = _in_set("centre_finite", True)
    together = f"the reference faces of a person have a mean cosine of at least {spread:g} with each other"
    current = f"stored centres point where the faces do (cosine at least {CENTRE_AGREEMENT:g})"
    separate = f"no two people's centres have a cosine above {apart:g}"
    return [
        person(
            "minimum references",
            f"each person has {least} or more reference photos",
            _between("references_found", least),
        ),
        person("centres finite", f"every centre has {dim} finite numbers", finite),
        person("centres up to date", current, _between("centre_agreement", CENTRE_AGREEMENT)),
        person("identity spread", together, _between("spread_found", spread)),
        person("identity separation", separate, _between("nearest_similarity", None, apart)),
    ]


def _pair_checks(limits: Limits) -> list[Check]:
    copied = f"no reference has a cosine above {limits.maximum_pair:g} to its target"
    return [
        pair("references from other photos", "no reference is in its target's photo", _in_set("same_photo", False)),
        pair("references are no copies", copied, _between("closest", None, limits.maximum_pair)),
    ]


def _split_checks(limits: Limits, face_leak: float) -> list[Check]:
    trained, heldout, leak = limits.minimum_identities, limits.minimum_heldout, limits.maximum_leak
    by_name = "no photo of one split shows a person of the other"
    by_centre = f"no held-out person looks like a trained one (cosine above {leak:g})"
    by_face = f"no face in a training photo looks like a held-out person (cosine above {face_leak:g})"
    alike = Check("splits disjoint by face", by_centre, _between("similarity", None, leak), "lookalikes", "pair")
    inside = _between("similarity", None, face_leak)
    trained_count = ExpectTableRowCountToBeBetween(min_value=trained)
    heldout_count = ExpectTableRowCountToBeBetween(min_value=heldout)
    known = partial(Check, table="known faces", key="face_id")
    return [
        Check(
            "people paired", f"{trained} or more trained people have pairs", trained_count, "people paired", "identity"
        ),
        Check(
            "people held out", f"{heldout} or more people are held out", heldout_count, "people held out", "identity"
        ),
        known("splits disjoint by name", by_name, _equal("image_split", "identity_split")),
        alike,
        Check("no held-out face in training photos", by_face, inside, "training faces", "face"),
    ]


def _rights_checks(limits: Limits) -> list[Check]:
    of_photo = "every face has the source, licence and consent of its photo"
    of_photos = "every person has the licences and consents of all their photos"
    found = [
        face("rights of faces", of_photo, _in_set("rights_agree", True)),
        person("rights of people", of_photos, _in_set("rights_agree", True)),
    ]
    if limits.require_licence:
        found.append(photo("licences named", "every photo names its licence", _filled("licence")))
    if limits.allowed_licences:
        rule = f"every licence is one of {', '.join(limits.allowed_licences)}"
        found.append(photo("licences allowed", rule, _in_set("licence", *limits.allowed_licences)))
    if limits.require_consent:
        found.append(photo("consent named", "every photo says what consent it rests on", _filled("consent")))
    return found
