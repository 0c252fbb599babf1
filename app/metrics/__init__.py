"""Numbers for Prometheus: counted as things happen, read when somebody asks."""
