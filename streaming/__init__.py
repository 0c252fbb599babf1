"""Bytes in and out: files that people bring, and later those they take away."""
