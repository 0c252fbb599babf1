"""Settings of applications in the process of the tests: what a test chooses, and else the defaults.

The surroundings are looked at once: to read them again for each application costs five
milliseconds.
"""

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import URL

from app.settings import Settings


def _surroundings() -> dict[str, Any]:
    found = Settings()
    return {name: getattr(found, name) for name in found.model_fields_set}


_SURROUNDINGS: Final = _surroundings()


class Chosen(Settings):
    """Settings that are checked as all are, and read from nowhere."""

    def __init__(self, **chosen: Any) -> None:
        # Past the class that looks for settings in the environment and in files.
        BaseModel.__init__(self, **_SURROUNDINGS | chosen)


def settings_of(database_url: URL, folder: Path, **chosen: Any) -> Settings:
    """Settings on a database, beyond those that tests need."""
    return Chosen(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=folder,
        **{
            "database_pool_size": 5,
            "database_max_overflow": 20,
            "log_level": "error",
            **chosen,
        },
    )
