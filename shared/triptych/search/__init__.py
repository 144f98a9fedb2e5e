"""From a search request to its answer: plan, encode, retrieve, rank, explain."""
