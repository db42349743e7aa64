"""Whether other threads go on while a call of ours is at work; no clock is asked."""

import sys
import threading
import time
from collections.abc import Callable

_CALLS_MAX = 1_000


def others_go_on(call: Callable[[], object]) -> bool:
    """Whether a second thread moved during some call: it can only while nobody holds the
    interpreter's lock, which nobody is asked to give up here."""
    moved, stop = [0], threading.Event()

    def move() -> None:
        while not stop.is_set():
            moved[0] += 1
            time.sleep(0)  # gives the lock back

    interval, other = sys.getswitchinterval(), threading.Thread(target=move)
    sys.setswitchinterval(1_000)
    try:
        other.start()
        for _ in range(_CALLS_MAX):
            before = moved[0]
            call()
            if moved[0] != before:
                return True
        return False
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        other.join()
