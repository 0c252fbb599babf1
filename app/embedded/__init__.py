"""The PostgreSQL server that comes with the application; `server` is its front."""
