"""The Python client of the HTTP interface."""

from triptych.client.client import BatchStatus, Client, ClientError
from triptych.ingest.uploads import Upload, uploads_of

__all__ = ["BatchStatus", "Client", "ClientError", "Upload", "uploads_of"]
