"""Pages as the people see them who open them in a browser."""
