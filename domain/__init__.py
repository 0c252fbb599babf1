"""The vocabulary every door and both stores are told in: frozen classes, enums, pure functions.

Nothing here reads the environment, speaks SQL, GraphQL or HTTP, or keeps state.
"""
