"""Words of sentences for people: how many of something there are."""

MANY = {"person": "people", "held out": "held out"}  # nouns that do not take an s


def counted(number: int, noun: str) -> str:
    """`1 photo`, `2 photos`, `1,000 people`, of the noun for one."""
    return f"{number:,} {noun if number == 1 else MANY.get(noun, f'{noun}s')}"
