"""A worker ends with the server that started it: one whose server was killed would keep the port and answer on."""

import os
import signal
import threading
import time

SECONDS = 1.0  # between two looks


def end_with_parent() -> None:
    """From now on, end this process as SIGTERM does once its parent is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
