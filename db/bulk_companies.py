"""Companies changed and deleted many at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from db.bulk import BULK_COMPANIES, Picked, delete_records, pick_records, write_columns
from db.transaction import Transaction
from domain.bulk import BulkOutcome, BulkStatus, ErrorPolicy, Selection, under
from domain.changes import ChangeKind
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.validation import CleanCompany


async def update_companies(
    tx: Transaction, selection: Selection, patch: CleanCompany, policy: ErrorPolicy
) -> BulkOutcome:
    """Give companies the values of a patch.

    A company that the patch would leave without name and domain has failed.

    Raises:
        Rejected: The patch or the selection is wrong, or a company failed and nothing is to be
            written then.
    """
    problems = [under(problem, "set") for problem in patch.problems]
    if problems and policy is not ErrorPolicy.IGNORE_FAILED_FIELDS:
        raise Rejected(problems)
    picked = await pick_records(tx, BULK_COMPANIES, selection)
    _keep_identified(picked, patch.values)
    changed = await write_columns(tx, BULK_COMPANIES, picked.ids, patch.values)
    BULK_COMPANIES.record(tx, ChangeKind.UPDATED, picked.company_ids(changed))
    outcome = picked.outcome(changed, BulkStatus.UPDATED, policy)
    return replace(outcome, problems=tuple(problems))


async def delete_companies(
    tx: Transaction, selection: Selection, policy: ErrorPolicy
) -> BulkOutcome:
    """Take companies out of every list; their contacts stay and show no company.

    Raises:
        Rejected: The selection is wrong, or a company failed and nothing is to be deleted then.
    """
    return await delete_records(tx, BULK_COMPANIES, selection, policy)


def _keep_identified(picked: Picked, values: Mapping[str, Any]) -> None:
    """Let the records fail that would lose the last thing that tells what they are."""
    if values.get("name", "kept"):
        return
    for row_id in picked.ids:
        if picked.rows[row_id]["domain"] is None:
            node_id = encode_node_id(NodeKind.COMPANY, row_id)
            message = f"The company {node_id} would have no name and no domain left."
            problem = Problem(code=ProblemCode.REQUIRED, message=message, path=("set", "name"))
            picked.failed[row_id] = problem
