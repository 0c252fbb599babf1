"""The GraphQL door: the schema and how a request is answered by it. No SQL stands here."""
