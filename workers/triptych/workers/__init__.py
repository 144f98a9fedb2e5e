"""Workers: ten-line task shells, one kind per modality, over pure functions in shared."""
