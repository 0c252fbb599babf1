"""What the tables of all modules have in common: their metadata, and columns that many have."""

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    MetaData,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.schema import SchemaItem

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EMPTY_LIST: Final = text("'{}'::text[]")


def id_column() -> Column[int]:
    """The number of a row, which PostgreSQL gives it."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def uuid_column() -> Column[object]:
    """The name of a row for others, made by PostgreSQL too."""
    return Column("uuid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid())


def moment(name: str, *, now: bool = False, required: bool = False) -> Column[object]:
    """A point in time.

    Args:
        now: When the row is made, unless it is said otherwise.
        required: It is always said.
    """
    default = func.now() if now else None
    kind = DateTime(timezone=True)
    return Column(name, kind, nullable=not (now or required), server_default=default)


def texts(name: str) -> Column[list[str]]:
    """A list of texts, empty unless it is said otherwise."""
    return Column(name, ARRAY(Text), nullable=False, server_default=_EMPTY_LIST)


def one_of(name: str, enum: type[StrEnum], *, default: str | None = None) -> tuple[SchemaItem, ...]:
    """A member of an enum; there may be none where it has no default."""
    values = ", ".join(f"'{member.value}'" for member in enum)
    return (
        Column(name, Text, nullable=default is None, server_default=default),
        CheckConstraint(f"{name} IN ({values})", name=name),
    )
