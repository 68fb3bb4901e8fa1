"""The model card: what the adapter is, what it learned from, what it may be used for."""

from typing import Any

from model.words import counted

CARD = """# Identity adapter for `{preset}`

An adapter that makes a frozen text-to-image backbone draw particular people, given one face embedding and one box for
each. It holds no pictures; it was trained on pictures of people, so treat it as you treat those.

| | |
| --- | --- |
| started from | {start} |
| trained on | dataset `{dataset}`: {pictures} of {people} |
| phases | {phases} |
| last losses | {losses} |
| code | withanyone {code}, seed {seed} |

## Use

{use}

| part | licence | use |
| --- | --- | --- |
{licences}

## Limits

Faces smaller than about 24 pixels are not drawn recognisably. The recogniser in the loss has its own blind spots: it
was trained on photographs of celebrities, and people unlike them are told apart less well. How well the adapter does,
by which judge and with which uncertainty, is in the report of the evaluation, not here.
"""
RESEARCH = (
    "Research only: at least one part it was made with allows no other use. Pictures of a person need their consent."
)
OPEN = "As the licences below allow. Pictures of a person need their consent."


def model_card(training: dict[str, Any]) -> str:
    """The card in Markdown, from the content of training.json."""
    last = training["curve"][-1]
    research = any(row["use"] == "research" for row in training["licences"])
    return CARD.format(
        preset=training["preset"],
        start=training["start"],
        dataset=training["dataset"]["digest"][:12],
        pictures=counted(training["dataset"]["pictures"], "picture"),
        people=counted(len(training["identities"]), "person"),
        phases=", ".join(f"{phase['name']} ({counted(phase['steps'], 'step')})" for phase in training["phases"]),
        losses=", ".join(f"{name} {last[name]:.3f}" for name in ("flow", "identity", "contrastive") if name in last),
        code=training["code"],
        seed=training["seed"],
        use=RESEARCH if research else OPEN,
        licences="\n".join(f"| {row['name']} | {row['licence']} | {row['use']} |" for row in training["licences"]),
    )
