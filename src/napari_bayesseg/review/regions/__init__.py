"""Places that deserve a look: found, named, described, ordered, filtered."""
