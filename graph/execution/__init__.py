"""The compiled executor: a document becomes a plan once, and the plan answers for whole lists."""
