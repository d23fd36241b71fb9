"""The study of all methods on labelled scans: ``python -m benchmarks methods``."""
