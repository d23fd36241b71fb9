"""Volume and posterior in, result store out: block by block, exact, resumable."""
