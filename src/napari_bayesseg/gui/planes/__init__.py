"""Planes of a volume beside the main canvas: painted here, linked with it."""
