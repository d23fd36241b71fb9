"""What a posterior draw is: one coherent function over the whole volume."""
