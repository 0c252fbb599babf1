"""The mapped classes, with the columns that the schema has, and how they are read."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, Select, Text, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    """What maps these tables."""

    type_annotation_map = {int: BigInteger, str: Text, list[str]: ARRAY(Text)}  # noqa: RUF012  # read by SQLAlchemy, never changed


class Company(Base):
    """A row of companies."""

    __tablename__ = "companies"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    industries: Mapped[list[str]]
    domain: Mapped[str | None]
    employees_count: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Contact(Base):
    """A row of contacts."""

    __tablename__ = "contacts"
    id: Mapped[int] = mapped_column(primary_key=True)
    full_name: Mapped[str | None]
    title: Mapped[str | None]
    email: Mapped[str | None]
    email_status: Mapped[str | None]
    company_id: Mapped[int | None] = mapped_column(ForeignKey(Company.id))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def _newest_contacts(limit: int) -> Select[Contact]:
    return (
        select(Contact)
        .where(Contact.deleted_at.is_(None))
        .order_by(Contact.created_at.desc(), Contact.id.desc())
        .limit(limit)
    )


async def read_contacts(sessions: Sessions, limit: int) -> Sequence[Contact]:
    """The newest contacts."""
    async with sessions() as session:
        return (await session.scalars(_newest_contacts(limit))).all()


async def read_contact(sessions: Sessions, row_id: int) -> Contact | None:
    """One contact."""
    wanted = select(Contact).where(Contact.id == row_id, Contact.deleted_at.is_(None))
    async with sessions() as session:
        return (await session.scalars(wanted)).one_or_none()


async def read_companies(sessions: Sessions, limit: int) -> Sequence[Company]:
    """The newest companies."""
    newest = (
        select(Company)
        .where(Company.deleted_at.is_(None))
        .order_by(Company.created_at.desc(), Company.id.desc())
        .limit(limit)
    )
    async with sessions() as session:
        return (await session.scalars(newest)).all()


async def read_companies_by_id(sessions: Sessions, ids: list[int]) -> list[Company | None]:
    """The companies of the ids, in the order of the ids."""
    wanted = select(Company).where(Company.id.in_(ids), Company.deleted_at.is_(None))
    async with sessions() as session:
        by_id = {company.id: company for company in await session.scalars(wanted)}
    return [by_id.get(row_id) for row_id in ids]


async def read_contacts_by_company(
    sessions: Sessions, company_ids: list[int], limit: int
) -> list[list[Contact]]:
    """The newest contacts of each company, in the order of the companies."""
    newest = _newest_contacts(limit).where(Contact.company_id == Company.id).correlate(Company)
    contact = aliased(Contact, newest.lateral("contact"))
    wanted = (
        select(contact)
        .select_from(Company)
        .join(contact, contact.company_id == Company.id)
        .where(Company.id.in_(company_ids))
        .order_by(contact.created_at.desc(), contact.id.desc())
    )
    by_company: dict[int | None, list[Contact]] = {row_id: [] for row_id in company_ids}
    async with sessions() as session:
        for row in await session.scalars(wanted):
            by_company[row.company_id].append(row)
    return [by_company[row_id] for row_id in company_ids]
