"""The V-Net on compiled convolutions over flat planes."""
