"""The Python client of the HTTP interface."""

from triptych.client.adding import Adding, AddReport
from triptych.client.asynchronous import AsyncClient
from triptych.client.client import BatchStatus, Client
from triptych.client.errors import ClientError

__all__ = ["AddReport", "Adding", "AsyncClient", "BatchStatus", "Client", "ClientError"]
