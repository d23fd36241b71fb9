"""Values that every floor shares: geometry, volumes, settings, seeds and errors."""
