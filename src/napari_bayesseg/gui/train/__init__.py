"""The Train tab: from scans and labels to a model."""
