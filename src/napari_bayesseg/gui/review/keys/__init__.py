"""The table of actions, and the keys that carry them out."""
