"""Items in columns and back: the same ones, in the order of their paths."""

from hypothesis import given, settings
from hypothesis import strategies as st

from components.curation.items import Item, item_table, items_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.builds(Item, path=TEXT, person=TEXT, source=TEXT, caption=TEXT), unique_by=lambda item: item.path))
def test_items_come_back_in_the_order_of_their_paths(items: list[Item]) -> None:
    assert items_of(item_table(iter(items))) == sorted(items, key=lambda item: item.path)


def test_many_items_are_columns_without_parts() -> None:
    table = item_table(Item(f"{number:05}", f"{number % 3}") for number in range(9000))
    assert [item.person for item in items_of(table.slice(8990, 3))] == ["2", "0", "1"]
    assert {column.num_chunks for column in table.columns} == {1}
