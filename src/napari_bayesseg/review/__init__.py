"""What people do with a result: the places to look at, and what was decided there."""
