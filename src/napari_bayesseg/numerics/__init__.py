"""Pure array mathematics: no input or output, no torch, no state."""
