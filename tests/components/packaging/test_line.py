"""The line before the device: order, bound, budget, cancelling, and an end in which everybody is answered."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import wait

import pytest

from components.packaging.line import Line, Ticket
from components.packaging.refusals import RefusalError


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line(waiting=3, seconds=60)
    yield made
    made.close()


class Gate:
    """Work that lasts until it is let go."""

    def __init__(self, line: Line) -> None:
        self.open, self.begun = threading.Event(), threading.Event()
        self.ticket = line.join(self.work)
        assert self.begun.wait(5)

    def work(self, ticket: Ticket[str]) -> str:
        self.begun.set()
        assert self.open.wait(5)
        ticket.step(1, 2)
        return "gate"


def test_work_is_done_in_the_order_it_came(line: Line) -> None:
    gate, done = Gate(line), []
    tickets = [line.join(lambda _, n=n: done.append(n)) for n in range(2)]  # type: ignore[misc]
    assert [line.ahead(ticket) for ticket in (gate.ticket, *tickets)] == [0, 1, 2]
    gate.open.set()
    wait([ticket.future for ticket in tickets], 5)
    assert (done, gate.ticket.future.result(), line.idle()) == ([0, 1], "gate", True)


def test_who_finds_it_full_is_told_when_to_come_again(line: Line) -> None:
    gate = Gate(line)
    tickets = [line.join(lambda _: 1) for _ in range(2)]
    with pytest.raises(RefusalError, match="has 3 requests in line, its most; send it again in") as refused:
        line.join(lambda _: 1)
    response = refused.value.response()
    assert (response.status_code, int(response.headers["retry-after"]) >= 1) == (429, True)
    gate.open.set()
    wait([ticket.future for ticket in tickets], 5)
    assert line.join(lambda _: 2).future.result(5) == 2


def test_what_fails_is_told_and_the_next_goes_on(line: Line) -> None:
    def fails(_: Ticket[None]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        line.join(fails).future.result(5)
    assert line.join(lambda _: 2).future.result(5) == 2


def test_a_running_ticket_stops_at_its_next_step(line: Line) -> None:
    gate = Gate(line)
    gate.ticket.cancel()
    gate.open.set()
    with pytest.raises(RefusalError, match="was cancelled"):
        gate.ticket.future.result(5)


@pytest.mark.parametrize("way", ["ticket", "future"])
def test_a_waiting_ticket_that_is_cancelled_never_runs(line: Line, way: str) -> None:
    gate, ran = Gate(line), []
    ticket = line.join(lambda _: ran.append(1))
    if way == "ticket":
        ticket.cancel()
    else:
        assert ticket.future.cancel()
    gate.open.set()
    line.join(lambda _: None).future.result(5)
    assert (ran, ticket.future.done()) == ([], True)


def test_the_wait_counts_towards_the_budget() -> None:
    line = Line(waiting=3, seconds=0)
    with pytest.raises(RefusalError, match="took longer than its 0 seconds") as refused:
        line.join(lambda _: 1).future.result(5)
    assert (refused.value.status, refused.value.kind) == (503, "time-budget")
    line.close()


def test_tickets_that_are_alike_are_worked_for_together_where_the_first_stands() -> None:
    line, calls = Line(waiting=9, seconds=60, together=3), []
    gate = Gate(line)

    def work(tickets: Sequence[Ticket[str]]) -> list[str]:
        calls.append([ticket.asked for ticket in tickets])
        return [ticket.asked.upper() for ticket in tickets]

    tickets = [line.join_alike(work, name, name[0]) for name in ("a1", "b1", "a2", "a3", "a4", "b2")]
    tickets += [line.join_alike(work, name, None) for name in "cd"]
    cancelled = tickets.pop(2)
    cancelled.future.cancel()
    gate.open.set()
    line.close()
    assert calls == [["a1", "a3"], ["b1", "b2"], ["a4"], ["c"], ["d"]]
    assert [ticket.future.result() for ticket in tickets] == ["A1", "B1", "A3", "A4", "B2", "C", "D"]
    assert (line.idle(), {ticket.progress for ticket in tickets}) == (True, {1.0})


def test_what_becomes_of_one_is_told_to_it_and_a_fault_to_all() -> None:
    line = Line(waiting=9, seconds=60, together=9)
    gate = Gate(line)
    mixed = [line.join_alike(lambda tickets: [1, ValueError()], n, "mixed") for n in range(2)]
    failed = [line.join_alike(lambda tickets: [1 // 0], n, "failed") for n in range(2)]
    gate.open.set()
    line.close()
    assert [type(ticket.future.exception()) for ticket in mixed] == [type(None), ValueError]
    assert [type(ticket.future.exception()) for ticket in failed] == [ZeroDivisionError] * 2


def test_later_work_is_left_out_while_somebody_waits(line: Line) -> None:
    gate, done = Gate(line), []
    line.later(lambda: done.append("dropped"))
    second = line.join(lambda _: line.later(lambda: done.append("done")))
    gate.open.set()
    second.future.result(5)
    line.close()
    assert done == ["done"]


def test_later_work_that_fails_is_in_the_log(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    line.later(fails)
    line.close()
    assert "ZeroDivisionError" in caplog.text


def test_closing_answers_all_who_wait_and_takes_nobody_else() -> None:
    line = Line(waiting=3, seconds=60)
    gate = Gate(line)
    ticket = line.join(lambda _: 7)
    closing = threading.Thread(target=line.close)
    closing.start()
    gate.open.set()
    closing.join(5)
    assert ticket.future.result(0) == 7
    with pytest.raises(RefusalError, match="is shutting down; send it again") as refused:
        line.join(lambda _: 1)
    assert refused.value.status == 503


def test_all_is_done_in_the_thread_that_did_the_first(line: Line) -> None:
    loaded = line.first(threading.get_ident)
    assert loaded != threading.get_ident()
    assert line.join(lambda _: threading.get_ident()).future.result(5) == loaded
