"""The composition root: reads the environment and connects the rooms. Nothing imports it."""

import gc

# The objects of a request or of a batch, thousands of them, are freed by themselves when it ends,
# and what modules make stays: the garbage collector looks less often. That takes a sixth off the
# processor time of a start, measured 2026-11-23.
gc.set_threshold(50_000, 20, 50)
