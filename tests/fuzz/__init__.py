"""Requests that are made from descriptions: right ones and wrong ones, many of each."""
