"""What `appointment360 doctor` finds, and how it tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How bad it is.

    NOTE is what may be meant, and should be known; FAIL keeps something from working.
    """

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        advice: What to do about it; None when it is well.
    """

    subject: str
    words: str
    verdict: Verdict = Verdict.OK
    advice: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it keeps nothing from working."""
        return self.verdict is not Verdict.FAIL


def note(subject: str, words: str, advice: str) -> Finding:
    """What should be known."""
    return Finding(subject, words, Verdict.NOTE, advice)


def failure(subject: str, words: str, advice: str) -> Finding:
    """What keeps something from working."""
    return Finding(subject, words, Verdict.FAIL, advice)


def as_lines(findings: Sequence[Finding]) -> str:
    """For people: a line each, and one below for what to do."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.verdict:<4}  {finding.subject}: {finding.words}")
        if finding.advice is not None:
            lines.append(f"      → {finding.advice}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """For programs."""
    told = [
        {
            "subject": finding.subject,
            "verdict": finding.verdict.lower(),
            "words": finding.words,
            "advice": finding.advice,
        }
        for finding in findings
    ]
    return {"ok": all(finding.ok for finding in findings), "findings": told}
