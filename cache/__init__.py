"""What may vanish: nothing here is the only copy of anything."""
