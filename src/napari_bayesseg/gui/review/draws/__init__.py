"""How draws disagree, on the canvas and on a page."""
