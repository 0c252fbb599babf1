"""Plain Strawberry over the ORM of SQLAlchemy, with a DataLoader for each relation."""
