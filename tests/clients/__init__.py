"""Subscriptions as the clients that people use see them."""
