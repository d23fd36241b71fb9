"""Learning from corrections, in the review tab."""
