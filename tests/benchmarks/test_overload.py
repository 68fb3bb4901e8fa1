"""The overload's verdict: whatever breaks the promise is named, and a service that fell is one that broke it."""

import os
from collections import Counter, defaultdict

import httpx
import pytest

from benchmarks.overload import Seen, memory, ready, show

FINE = {"200": [1.0] * 50, "429": [0.1] * 150}


def seen(
    seconds: dict[str, list[float]] | None = None, unadvised: int = 0, memory: tuple[float, float] = (900, 910)
) -> Seen:
    early, late = memory
    answers = {status: taken for status, taken in {**FINE, **(seconds or {})}.items() if taken}
    return Seen(defaultdict(list, answers), Counter({True: 150, False: unadvised}), [early] * 120 + [late] * 60)


def test_answers_refusals_and_flat_memory_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(seen(), 16, 4)
    assert "NO" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (seen({"500": [1.0]}), "every accepted request answered"),
        (seen({"ReadError": [1.0]}), "every accepted request answered"),
        (seen({"200": []}), "every accepted request answered"),
        (seen(unadvised=1), "every refusal said when to come again"),
        (seen(memory=(900, 1100)), "memory flat (900 to 1100 MiB"),
        (seen(memory=(900, 0)), "the service did not fall"),
    ],
)
def test_each_break_is_named(broken: Seen, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not show(broken, 16, 4)
    assert f"NO   {named}" in capsys.readouterr().out


def test_a_service_that_fell_is_not_ready_and_holds_nothing() -> None:
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as client:
        assert not ready(client)
    assert memory(os.getpid()) > 1
    assert memory(2**22 + 1) == 0  # above Linux's largest process id
