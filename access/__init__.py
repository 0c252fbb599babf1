"""Who may come in, as whom, and how often: nothing here knows of HTTP, GraphQL or SQL."""
