"""The caption vocabulary that the nano backbone is trained on, composed from what is known of a photo."""

COUNTS = ("nobody", "one person", "two people", "three people", "four people", "five people")
LIGHTS = ("warm light", "cool light", "dim light", "bright light", "even light")


def compose(people: int, smiles: int | None = None, light: str | None = None, backdrop: str | None = None) -> str:
    """A caption such as "two people, both smiling, warm light, in front of a blue wall".

    `people` and `smiles` (of them; None where unknown) are counts from 0; `light` is one of `LIGHTS`; `backdrop` a
    noun phrase.
    """
    parts = [COUNTS[people] if people < len(COUNTS) else f"{people} people"]
    if smiles is not None and people:
        parts.append(_smiling(smiles, people))
    if light:
        parts.append(light)
    if backdrop:
        parts.append(f"in front of {backdrop}")
    return ", ".join(parts)


def _smiling(smiles: int, people: int) -> str:
    if smiles == 0:
        return "serious"
    if smiles < people:
        return "some smiling"
    return {1: "smiling", 2: "both smiling"}.get(people, "all smiling")
