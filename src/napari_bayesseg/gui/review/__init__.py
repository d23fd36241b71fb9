"""The review tab: thresholds, regions, keys, brush, and what of it is on the canvas."""
