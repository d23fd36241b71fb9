"""One file a method: its loss, and what it does between steps."""
