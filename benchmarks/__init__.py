"""The commands that measure what the documentation promises: ``python -m benchmarks``."""
