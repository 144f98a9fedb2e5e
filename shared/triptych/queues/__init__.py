"""Queues between gateway and workers: Celery on Redis."""
