"""The predict tab: scan, model, settings, and a run that is watched."""
