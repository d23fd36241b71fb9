"""What napari sees: readers, the sample, and how our values become layers."""
