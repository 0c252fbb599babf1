"""The servers that others would build: each as its own documentation has it for production."""
