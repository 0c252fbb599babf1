"""What can be wrong with a change of records, some of it told only by what is stored."""

from typing import Final

from domain.errors import Problem, ProblemCode
from domain.node_ids import NodeKind, encode_node_id

NAMELESS_CONTACT: Final = Problem(
    code=ProblemCode.REQUIRED,
    message="A contact needs a name, an e-mail address, a LinkedIn profile or a phone number.",
    path=("firstName",),
)
NAMELESS_COMPANY: Final = Problem(
    code=ProblemCode.REQUIRED, message="A company needs a name or a domain.", path=("name",)
)


def not_found(what: str, *, path: tuple[str, ...] = ("id",)) -> Problem:
    """Nothing of the kind has the id, or nothing that it could be done to."""
    message = f"There is no {what} with this id."
    return Problem(code=ProblemCode.NOT_FOUND, message=message, path=path)


def email_taken(
    address: str, *, path: tuple[str, ...] = ("emails",), existing_id: int | None = None
) -> Problem:
    """Another contact holds the address."""
    message = f"Another contact has the e-mail address {address}."
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message=message,
        path=path,
        record_id=None if existing_id is None else encode_node_id(NodeKind.CONTACT, existing_id),
    )


def domain_taken(domain: str, *, existing_id: int | None = None) -> Problem:
    """Another company holds the domain."""
    message = f"Another company has the domain {domain}."
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message=message,
        path=("domain",),
        record_id=None if existing_id is None else encode_node_id(NodeKind.COMPANY, existing_id),
    )


def user_exists(existing_id: int | None = None) -> Problem:
    """Another user has the address."""
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message="Another user has this e-mail address.",
        path=("email",),
        record_id=None if existing_id is None else encode_node_id(NodeKind.USER, existing_id),
    )


def moved_on(
    kind: NodeKind, row_id: int, version: int, *, path: tuple[str, ...] = ("expectedVersion",)
) -> Problem:
    """The record is at another version than the one expected."""
    return Problem(
        code=ProblemCode.VERSION_CONFLICT,
        message=f"It is at version {version} now. Read it again before you change it.",
        path=path,
        record_id=encode_node_id(kind, row_id),
    )


def merged_away(survivor_id: int, *, path: tuple[str, ...] = ("id",)) -> Problem:
    """The contact is a tombstone."""
    survivor = encode_node_id(NodeKind.CONTACT, survivor_id)
    message = f"This contact was merged into {survivor}. Use that one, or undo the merge."
    return Problem(
        code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=path, record_id=survivor
    )
