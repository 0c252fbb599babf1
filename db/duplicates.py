"""Groups of live records that may be about the same person or company, a page a statement.

Every key is a query of members: who has which value, in two parts, of which an index serves the
first. A page takes the next groups of each key along that index, and of those as many as it holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from db.paging import page_of
from db.rows import Row
from db.statements import Statement, sql
from db.transaction import ReadSession
from domain.duplicates import LEGAL_FORMS, MAX_SHOWN, MIN_NAME_CHARS, SUGGESTIONS, MatchKey
from domain.enums import CompanyMatchKey, ContactMatchKey
from domain.paging import Cursor, Page, PageRequest

_LOCAL: Final = "split_part(split_part(email_key, '@', 1), '+', 1)"
# Plus signs are read so by the large providers; only Google passes over dots too.
_MAILBOX: Final = (
    "CASE WHEN email_key LIKE '%@gmail.com' OR email_key LIKE '%@googlemail.com'"
    f" THEN replace({_LOCAL}, '.', '') || '@gmail.com'"
    f" ELSE {_LOCAL} || '@' || split_part(email_key, '@', 2) END"
)
_HOST: Final = "regexp_replace(lower(btrim(host)), '^([a-z]+://)?(www\\.)?|[/:?#].*$', '', 'g')"
# Dots and slashes stand inside of legal forms (`B.V.`, `A/S`), other punctuation between words.
_WORDS: Final = (
    "btrim(regexp_replace(replace(replace(lower(name), '.', ''), '/', ''),"
    " '[\\s!-/:-@\\[-`{-~]+', ' ', 'g'))"
)


def _without_legal_form(words: str) -> str:
    """Words without the last one, if that is a legal form and not the only one."""
    last = f"split_part({words}, ' ', -1)"
    is_form = f"{last} = ANY('{{{','.join(LEGAL_FORMS)}}}') AND {words} LIKE '% %'"
    return f"CASE WHEN {is_form} THEN left({words}, -1 - char_length({last})) ELSE {words} END"


# An address that is written as its provider reads it can only be a group with one that is not.
_OF_MAILBOX: Final = (
    f"WITH rewritten AS (SELECT {_MAILBOX} AS head, contact_id FROM contact_emails"
    " WHERE deleted_at IS NULL AND (email_key LIKE '%+%' OR email_key LIKE '%@gmail.com'"
    " OR email_key LIKE '%@googlemail.com'))"
    " SELECT head, '' AS tail, contact_id AS id FROM rewritten WHERE head NOT LIKE '@%'"
    " UNION SELECT head, '', e.contact_id FROM rewritten"
    " JOIN contact_emails e ON e.email_key = head AND e.deleted_at IS NULL"
)
_PAGES: Final = [f"https://www.linkedin.com/{kind}/%" for kind in ("company", "school", "showcase")]
# Values that stand alone are sorted out in the index, before anything is joined. Files give the
# page of the employer as if it were the person's.
_OF_PROFILE: Final = (
    "SELECT linkedin_url AS head, '' AS tail, c.id FROM (SELECT linkedin_url FROM contact_metadata"
    f" WHERE linkedin_url NOT LIKE ALL ('{{{','.join(_PAGES)}}}')"
    " GROUP BY linkedin_url HAVING count(*) > 1) AS repeated JOIN contact_metadata m"
    " USING (linkedin_url) JOIN contacts c ON c.id = m.contact_id AND c.deleted_at IS NULL"
)
_OF_PHONE: Final = (
    "SELECT e164 AS head, lower(c.last_name) AS tail, c.id FROM (SELECT e164 FROM contact_phones"
    " WHERE e164 IS NOT NULL GROUP BY e164 HAVING min(contact_id) < max(contact_id)) AS repeated"
    " JOIN contact_phones p USING (e164) JOIN contacts c ON c.id = p.contact_id"
    " AND c.deleted_at IS NULL AND c.last_name IS NOT NULL"
)
_OF_NAME_AND_DOMAIN: Final = (
    "SELECT lower(c.full_name) AS head, k.domain AS tail, c.id FROM contacts c"
    " JOIN companies k ON k.id = c.company_id AND k.deleted_at IS NULL AND k.domain IS NOT NULL"
    f" WHERE c.deleted_at IS NULL AND char_length(c.full_name) >= {MIN_NAME_CHARS}"
)
# Main domains are unique, so a group has at least one company that names the host as a further one.
_OF_DOMAIN: Final = (
    f"WITH further AS (SELECT {_HOST} AS head, id"
    " FROM companies, unnest(additional_domains) AS host WHERE deleted_at IS NULL)"
    f" SELECT head, '' AS tail, id FROM further WHERE char_length(head) >= {MIN_NAME_CHARS}"
    " UNION SELECT head, '', k.id FROM further"
    " JOIN companies k ON k.domain = head AND k.deleted_at IS NULL"
)
_OF_PAGE: Final = (
    "SELECT linkedin_url AS head, '' AS tail, id FROM companies"
    " WHERE deleted_at IS NULL AND linkedin_url IS NOT NULL"
)
# Legal forms come up to three at a time (`GmbH & Co. KG`). Materialized, so that each step of a
# name is worked out once, however often the next one reads it.
_OF_NAME_AND_COUNTRY: Final = (
    f"WITH words AS MATERIALIZED (SELECT {_WORDS} AS name, id,"
    " lower(coalesce(country_code, country)) AS country FROM companies"
    " WHERE deleted_at IS NULL AND coalesce(country_code, country) IS NOT NULL),"
    f" once AS MATERIALIZED (SELECT {_without_legal_form('name')} AS name, id, country FROM words),"
    f" twice AS MATERIALIZED (SELECT {_without_legal_form('name')} AS name, id, country FROM once),"
    f" clean AS MATERIALIZED (SELECT {_without_legal_form('name')} AS name, id, country FROM twice)"
    " SELECT name AS head, country AS tail, id FROM clean"
    f" WHERE char_length(name) >= {MIN_NAME_CHARS}"
)

# A key of contacts may have the name of a key of companies, and equals it then.
_MEMBERS: Final[Mapping[type[MatchKey], Mapping[MatchKey, str]]] = {
    ContactMatchKey: {
        ContactMatchKey.EMAIL: _OF_MAILBOX,
        ContactMatchKey.LINKEDIN_URL: _OF_PROFILE,
        ContactMatchKey.PHONE_AND_LAST_NAME: _OF_PHONE,
        ContactMatchKey.NAME_AND_COMPANY_DOMAIN: _OF_NAME_AND_DOMAIN,
    },
    CompanyMatchKey: {
        CompanyMatchKey.DOMAIN: _OF_DOMAIN,
        CompanyMatchKey.LINKEDIN_URL: _OF_PAGE,
        CompanyMatchKey.NAME_AND_COUNTRY: _OF_NAME_AND_COUNTRY,
    },
}


class DuplicateRow(Row):
    """A group: its key by rank, the two parts of its value, its count and first ids."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Records that share the value of a key.

    Attributes:
        count: How many they are.
        ids: The first of them.
    """

    match_key: MatchKey
    parts: tuple[str, str]
    count: int
    ids: Sequence[int]

    @property
    def value(self) -> str:
        """What they share."""
        return ", ".join(filter(None, self.parts))

    @property
    def is_suggestion(self) -> bool:
        """Whether they may share it without being the same."""
        return self.match_key in SUGGESTIONS

    def cursor(self, ordinal: int) -> Cursor:
        """Its place in the list."""
        return Cursor((_rank(self.match_key), *self.parts), 0, ordinal)


@dataclass(frozen=True)
class _Shape:
    """What decides the SQL of a page.

    Attributes:
        keys: The keys of which the page can have groups.
        at_cursor: The one of them that the cursor stands in.
        inclusive: The group of the cursor itself belongs to the page.
    """

    kind: type[MatchKey]
    keys: tuple[MatchKey, ...]
    at_cursor: MatchKey | None
    backward: bool
    inclusive: bool


async def list_duplicates(
    session: ReadSession, keys: Sequence[MatchKey], request: PageRequest
) -> Page[DuplicateGroup]:
    """One page of groups, by key and value."""
    rows = await _fetch(session, keys, request, size=request.size + 1)
    return page_of([_group(row, keys) for row in rows], request)


async def duplicates_behind(
    session: ReadSession, keys: Sequence[MatchKey], request: PageRequest
) -> bool:
    """Whether there are groups on the other side of the request's cursor, its own included."""
    return bool(await _fetch(session, keys, request.turned, size=1, inclusive=True))


async def count_duplicates(session: ReadSession, keys: Sequence[MatchKey]) -> int:
    """How many groups there are."""
    return int(await session.fetch_value(_count_statement(type(keys[0]), tuple(keys))))


async def _fetch(
    session: ReadSession,
    keys: Sequence[MatchKey],
    request: PageRequest,
    *,
    size: int,
    inclusive: bool = False,
) -> list[DuplicateRow]:
    """The next groups in the direction of the page."""
    values: dict[str, object] = {"size": size}
    left, at_cursor = tuple(keys), None
    if request.cursor is not None:
        rank: Any
        rank, values["head"], values["tail"] = request.cursor.values
        way = -1 if request.backward else 1
        left = tuple(key for key in keys if (_rank(key) - rank) * way >= 0)
        at_cursor = next((key for key in left if _rank(key) == rank), None)
    shape = _Shape(type(keys[0]), left, at_cursor, request.backward, inclusive)
    return await session.fetch(_page_statement(shape), values) if left else []


@lru_cache(maxsize=256)
def _page_statement(page: _Shape) -> Statement[DuplicateRow]:
    """The groups of a page; parameters: size and, with a cursor, head and tail."""
    way = "DESC" if page.backward else "ASC"
    by, limit = f"head {way}, tail {way}", "LIMIT CAST(:size AS integer)"
    groups = " UNION ALL ".join(
        f"(SELECT {_rank(key)} AS rank, head, tail, count(DISTINCT id) AS count,"
        f" (array_agg(DISTINCT id ORDER BY id))[1:{MAX_SHOWN}] AS ids"
        f" FROM ({_MEMBERS[page.kind][key]}) AS member WHERE {_beyond(page, key)}"
        f" GROUP BY head, tail HAVING min(id) < max(id) ORDER BY {by} {limit})"
        for key in page.keys
    )
    query = f"SELECT * FROM ({groups}) AS found ORDER BY rank {way}, {by} {limit}"
    return sql(query, DuplicateRow)


def _beyond(page: _Shape, key: MatchKey) -> str:
    if key is not page.at_cursor:
        return "true"
    side = ("<" if page.backward else ">") + ("=" if page.inclusive else "")
    return f"(head, tail) {side} (CAST(:head AS text), CAST(:tail AS text))"


@lru_cache(maxsize=64)
def _count_statement(kind: type[MatchKey], keys: tuple[MatchKey, ...]) -> Statement[Row]:
    groups = " UNION ALL ".join(
        f"(SELECT FROM ({_MEMBERS[kind][key]}) AS member"
        " GROUP BY head, tail HAVING min(id) < max(id))"
        for key in keys
    )
    return sql(f"SELECT count(*) FROM ({groups}) AS found")


def _group(row: DuplicateRow, keys: Sequence[MatchKey]) -> DuplicateGroup:
    key = next(key for key in keys if _rank(key) == row["rank"])
    return DuplicateGroup(key, (row["head"], row["tail"]), row["count"], row["ids"])


def _rank(key: MatchKey) -> int:
    """The place of a key among those of its kind."""
    return list(type(key)).index(key)
