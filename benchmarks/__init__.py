"""The benchmark room: what a request costs, beside hand-written servers, on one seeded database.

Nothing of the product imports it. Its figures hold only inside one run: compare ratios.
"""
