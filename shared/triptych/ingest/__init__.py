"""Index an item: manifest, grouping, planning, the steps of a chunk, documents."""
