"""An audit in the window: its page, the frame on the canvas, what keys mean meanwhile."""
