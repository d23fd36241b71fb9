"""The observable state of one piece of work: jobs, result, review. No Qt."""
