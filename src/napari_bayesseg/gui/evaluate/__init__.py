"""The Evaluate tab: a result judged against the truth."""
