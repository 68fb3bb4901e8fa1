"""Whether the rows of faces and people say of source, licence and consent what the photos' rows say."""

import pandas as pd
import pyarrow as pa

from model.dataset.rights import OF_PERSON, RIGHTS, rights_of_people


def faces_agree(faces: pd.DataFrame, images: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each face has the rights of its photo; a face whose photo is not listed is another rule's."""
    known = images.drop_duplicates("image_id").set_index("image_id")[list(RIGHTS)]
    said = known.reindex(faces["image_id"]).set_axis(faces.index)
    return (said == faces[list(RIGHTS)]).all(axis=1) | ~faces["image_id"].isin(known.index)


def people_agree(identities: pd.DataFrame, faces: pd.DataFrame) -> list[bool]:
    """Whether each person has the rights of all their faces, each once, sorted."""
    columns = faces[["identity", *OF_PERSON.values()]]
    found = rights_of_people(pa.Table.from_pandas(columns, preserve_index=False))
    none: dict[str, list[str]] = {name: [] for name in OF_PERSON}
    rows = zip(identities["identity"], *(identities[name] for name in OF_PERSON), strict=True)
    return [list(found.get(name, none).values()) == [list(said) for said in stated] for name, *stated in rows]
