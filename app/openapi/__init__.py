"""The REST routes as OpenAPI 3.1: what each takes and answers, and where clients read of it."""
