"""The gateway: HTTP in front of the queues and the index. It never imports a worker."""
