"""The failure drill: python -m tests.acceptance.drill [WORD]. Injects each fault, runs again, prints what came of it.

After each fault a plain re-run must end in the state of an undisturbed run: nothing promoted twice or without its
decision, nothing lost. Ends with 1 where that is not so.
"""

import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.faults import cluster, jobs, promotion, runner


def promoted_alike(fault: Callable[[Path], None], expected: str) -> Callable[[Path], None]:
    """The fault, and that it ends in the state of an undisturbed promotion."""

    def checked(home: Path) -> None:
        fault(home)
        found = promotion.as_text(promotion.state(home))
        assert found == expected, f"{found}\n instead of\n{expected}"

    return checked


def main() -> int:
    logging.disable(logging.WARNING)  # the table is what is to be read
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory() as scratch:
        expected = promotion.as_text(promotion.undisturbed(Path(scratch)))
    every = [
        *runner.faults(),
        *((name, promoted_alike(fault, expected)) for name, fault in promotion.faults()),
        *promotion.faults_of_two(),
        *cluster.faults(),
        *jobs.faults(),
    ]
    failed = 0
    for number, (name, fault) in enumerate(((name, fault) for name, fault in every if wanted in name), 1):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            try:
                fault(Path(scratch))
                words = "same state"
            except Exception:  # noqa: BLE001  (whatever it is, it is a row of the table)
                failed += 1
                words = f"FAILED\n{traceback.format_exc()}"
        print(f"{number:3}  {name:<52} {time.monotonic() - begin:6.1f} s  {words}", flush=True)  # noqa: T201
    print(f"{failed} of {len(every)} failed" if failed else "every fault ended as an undisturbed run does")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
