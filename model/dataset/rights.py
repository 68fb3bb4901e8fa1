"""Where photos come from and what allows their use, as their faces' and people's rows say it too."""

import pyarrow as pa
import pyarrow.compute as pc

RIGHTS = ("source", "licence", "consent")  # of a photo, and of every face in it
OF_PERSON = {"licences": "licence", "consents": "consent"}  # of a person those of all photos of them


def rights_of_people(faces: pa.Table) -> dict[str, dict[str, list[str]]]:
    """For each person in `faces` (identity, licence, consent) the columns of `OF_PERSON`: what occurs, sorted."""
    found: dict[str, dict[str, list[str]]] = {}
    for column, own in OF_PERSON.items():
        distinct = faces.group_by(["identity", own]).aggregate([]).drop_null()
        for row in distinct.sort_by([("identity", "ascending"), (own, "ascending")]).to_pylist():
            found.setdefault(row["identity"], {name: [] for name in OF_PERSON})[column].append(row[own])
    return found


def faces_with_rights(faces: pa.Table, photos: pa.Table) -> pa.Table:
    """`faces` (image_id) with the `RIGHTS` of their photos; nothing where the photo is not listed."""
    places = pc.index_in(faces["image_id"], value_set=photos["image_id"])
    for column in RIGHTS:
        faces = faces.append_column(column, photos[column].take(places))
    return faces


def people_with_rights(people: pa.Table, faces: pa.Table) -> pa.Table:
    """`people` (identity) with the columns of `OF_PERSON`."""
    rights = rights_of_people(faces)
    for column in OF_PERSON:
        said = [rights.get(person, {}).get(column, []) for person in people["identity"].to_pylist()]
        people = people.append_column(column, pa.array(said, pa.list_(pa.string())))
    return people
