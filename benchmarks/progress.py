"""What benchmarks say while they run, beside their figures."""

import sys


def say(message: str) -> None:
    """A line for whoever waits."""
    print(message, file=sys.stderr, flush=True)
