"""The composition root: reads the environment and connects the rooms. Nothing imports it."""
