"""The eight mutations as documents that select the record and everything about its refusal."""

_ERRORS = """userErrors { __typename code message path
    ... on DuplicateError { existing { id __typename ... on Contact { fullName } } }
    ... on ConflictError { current { ... on Contact { id version } ... on Company { id version } } }
  } clientMutationId"""
_CONTACT = "id firstName title email version deletedAt emails { address } company { name }"
_COMPANY = "id name domain version deletedAt"


def _mutation(name: str, field: str, selection: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"""mutation ($input: {kind}Input!) {{
        {name}(input: $input) {{ {field} {{ {selection} }} {_ERRORS} }} }}"""


MUTATIONS = {
    name: _mutation(name, field, selection)
    for field, selection in (("contact", _CONTACT), ("company", _COMPANY))
    for verb in ("create", "update", "delete", "restore")
    for name in (verb + field.capitalize(),)
}
