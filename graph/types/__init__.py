"""The object types of the schema. Their fields read rows of `db.rows`; no row is ever copied."""
