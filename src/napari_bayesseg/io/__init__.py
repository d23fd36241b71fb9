"""Scans, probabilities and results on disk.

Sources are never written to; every file that is written replaces its predecessor in one step, or
not at all.
"""
