"""The GraphQL door: the schema and how a request is answered by it. No SQL stands here."""

import graph.inputs  # noqa: F401  # the domain's vocabulary is shown before any type names it
