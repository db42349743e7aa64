"""What a check of this machine finds: well, worth a look, or wrong, and then what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `fix` is for everything that is not OK."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


def judge(check: str, fails: bool, warns: bool, detail: str, fix: str) -> Finding:
    verdict = Verdict.FAIL if fails else Verdict.WARN if warns else Verdict.OK
    return Finding(check, verdict, detail, "" if verdict is Verdict.OK else fix)
