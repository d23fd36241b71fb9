"""Brush and tools: on the canvas, on a page, as actions."""
