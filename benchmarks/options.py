"""What benchmarks that load a server can be told."""

import argparse
from pathlib import Path

from benchmarks.database import Scale, default_folder


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """How many clients, and on which database."""
    add, scale = parser.add_argument, Scale()
    add("--connections", type=int, default=16, help="in use at once (%(default)s)")
    add("--data", type=Path, default=default_folder(), help="keeps the database (%(default)s)")
    add("--contacts", type=int, default=scale.contacts, help="rows (%(default)s)")
    add("--companies", type=int, default=scale.companies, help="rows (%(default)s)")
