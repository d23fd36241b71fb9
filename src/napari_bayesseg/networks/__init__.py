"""Segmentation networks: layers, architectures and the files that hold their weights."""
