"""The way between gateway and workers: Celery on Redis."""
