"""Random places among what nobody looked at, and what they prove."""
