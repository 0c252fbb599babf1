"""The ids that clients see, for rows that tests have made."""

from db.rows import ActivityRow, CompanyRow, ContactRow, EmailRow, PhoneRow, Row, UserRow
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import NodeId

_KINDS: dict[type[Row], NodeKind] = {
    ContactRow: NodeKind.CONTACT,
    CompanyRow: NodeKind.COMPANY,
    UserRow: NodeKind.USER,
    EmailRow: NodeKind.CONTACT_EMAIL,
    PhoneRow: NodeKind.CONTACT_PHONE,
    ActivityRow: NodeKind.ACTIVITY,
}


def id_of(row: Row) -> NodeId:
    """The opaque id of a row."""
    return encode_node_id(_KINDS[type(row)], row.id)
