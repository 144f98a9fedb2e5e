"""The search index on Elasticsearch 9."""
