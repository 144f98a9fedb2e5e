"""From a search request to its answer: read, encoded, asked, ranked, shaped."""
