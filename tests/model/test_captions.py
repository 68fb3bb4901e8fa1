"""Captions say what is known and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from model.captions import COUNTS, LIGHTS, compose


def test_examples() -> None:
    assert compose(2, 2, "warm light", "a blue wall") == "two people, both smiling, warm light, in front of a blue wall"
    assert compose(1, 0) == "one person, serious"
    assert compose(3, 1) == "three people, some smiling"
    assert compose(4, 4) == "four people, all smiling"
    assert compose(0, 0, None, "a park") == "nobody, in front of a park"


@given(
    st.integers(0, 12),
    st.none() | st.integers(0, 12),
    st.none() | st.sampled_from(LIGHTS),
    st.none() | st.just("a park"),
)
def test_starts_with_the_count_and_has_no_empty_part(
    people: int, smiles: int | None, light: str | None, place: str | None
) -> None:
    parts = compose(people, smiles, light, place).split(", ")
    assert parts[0] == (COUNTS[people] if people < len(COUNTS) else f"{people} people")
    assert all(parts)
    assert (light in parts) == (light is not None)
