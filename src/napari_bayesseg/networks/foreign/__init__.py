"""Networks of other libraries: built from data, split into a deterministic and a random part."""
