"""What a review leaves: decisions, crops for training, a summary to read."""
