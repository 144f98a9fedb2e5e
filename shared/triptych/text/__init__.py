"""The analysis of text: languages, words, stems, stop words; the same for items and queries."""
