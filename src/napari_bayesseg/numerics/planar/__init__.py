"""Compiled convolutions over flat planes."""
