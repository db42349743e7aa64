"""Types of answers that several threads meet for the first time at once."""

import subprocess
import sys

RACE = """
import sys, threading
from typing import Literal
import msgspec
from aichain.client.answers import _built

def new_type():
    class Part(msgspec.Struct):
        number: int
        word: Literal["a", "b"]
        more: list[int] | None = None
    class Whole(msgspec.Struct):
        first: Part
        others: list[Part]
        by_name: dict[str, Part]
        last: Part | None = None
    class Answer(msgspec.Struct):
        one: Whole
        many: list[Whole]
    return Answer

sys.setswitchinterval(1e-6)
part = {"number": 1, "word": "a"}
whole = {"first": part, "others": [part], "by_name": {}}
answer = {"one": whole, "many": [whole]}
for _ in range(400):
    kind, together = new_type(), threading.Barrier(8)
    def check():
        together.wait()
        msgspec.convert(answer, _built(kind))
    threads = [threading.Thread(target=check) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
"""


def test_a_type_may_be_used_by_several_threads_from_the_first_answer_on() -> None:
    """It ended a process by a fault of memory."""
    done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
