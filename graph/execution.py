"""Executing one operation of a document; every door that speaks GraphQL does it here."""

from collections.abc import Awaitable

from graphql import ExecutionResult, GraphQLSchema, OperationType, execute

from graph.context import Context
from graph.documents import Document
from graph.request import GraphQLRequest


async def execute_operation(
    schema: GraphQLSchema, document: Document, wanted: GraphQLRequest, context: Context
) -> ExecutionResult:
    """The answer to the operation that is wanted of a document."""
    operation = document.operation(wanted.operation_name)
    if operation is not None and operation.operation is OperationType.MUTATION:
        context.reads.use_primary()
    result = execute(
        schema,
        document.tree,
        context_value=context,
        variable_values=wanted.variables,
        operation_name=wanted.operation_name,
    )
    return await result if isinstance(result, Awaitable) else result
