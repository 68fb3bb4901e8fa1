"""The Bento's README: the model's card, how to call the service, and what it may be used for."""

from pathlib import Path

from components.packaging import limits
from components.packaging.lineage import Lineage
from components.packaging.terms import sentence
from model.parts import BASE, PACK, SIGLIP
from model.presets import Preset

_TEMPLATE = """# WithAnyone service {short}

Pictures of one to {references} people in a scene, each recognisable from a single reference picture.

**Licence.** {licence}

| | |
| --- | --- |
{rows}

## Start it

    pip install --no-deps -r env/python/requirements.txt
    bentoml serve .

It listens on 127.0.0.1:3000; `BENTOML_HOST` and `BENTOML_PORT` change that. Others than programs on the same machine
need a token from the file that `WITHANYONE_TOKENS` names. `/` is a page to try it on, `/docs.json` has the schema,
`/readyz` answers once a picture was made and its face recognised. {inside}

## Call it

    import base64, pathlib, httpx

    face = base64.b64encode(pathlib.Path("face.jpg").read_bytes()).decode()
    answer = httpx.post("http://127.0.0.1:3000/generate", timeout=300,
                        json={{"prompt": "a person smiling", "references": [face], "seed": 7}})
    pathlib.Path("out.png").write_bytes(answer.raise_for_status().content)
{edits}
`POST /tasks` takes the same and answers at once with a task to watch, fetch or cancel. `POST /faces` with
`{{"picture": ...}}` says what the service sees in a reference and why it would refuse it. `POST /layout` with
`{{"people": 2}}` says where it places faces, `POST /model` tells lineage, licence, limits and scores. A refusal is
`application/problem+json` with one sentence in `detail`.

{card}
"""

EDITS = """
This model edits a photo: a request also has one, about square, as `image`. The faces in it become those of the
references.
"""
INSIDE = "Model and weights are inside: nothing is fetched."
BROUGHT = (
    f"The frozen parts of the model are not inside: {BASE}, {SIGLIP} and {PACK} name them, and they have to be those "
    "that it was packaged with. WITHANYONE_DEVICE=cuda puts all on a GPU."
)


def write_readme(file: Path, card: Path, lineage: Lineage, chosen: Preset) -> None:
    """Write the README of the Bento around the model's `card`."""
    rows = "\n".join(f"| {name} | `{value}` |" for name, value in lineage.model_dump().items())
    text = _TEMPLATE.format(
        short=lineage.model[:12],
        references=limits.REFERENCES,
        licence=sentence(chosen),
        edits=EDITS if chosen.edits else "",
        inside=BROUGHT if chosen.parts else INSIDE,
        rows=rows,
        card=card.read_text(encoding="utf-8"),
    )
    file.write_text(text, encoding="utf-8")
