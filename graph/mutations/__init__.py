"""The root fields that write, a file for each kind of work, all through one seam."""
