"""Results judged and shown: pictures and scores."""
