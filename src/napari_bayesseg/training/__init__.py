"""Training of the networks whose posteriors the other floors draw from."""
