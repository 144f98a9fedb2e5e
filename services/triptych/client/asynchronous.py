"""The client for programs with an event loop: each request waits in a thread of its own pool.

So both clients share one implementation, with its patience, its resumable uploads and its folders.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from triptych.client.client import Client

_P = ParamSpec("_P")
_T = TypeVar("_T")
_END: Any = object()


class _GivenUp(Exception):
    """Nobody waits for what would be asked for next."""


class _Call(Client):
    """The client of one call, over the same connections. At an exception it is given up."""

    def __init__(self, client: Client) -> None:
        vars(self).update(vars(client))
        self._given_up = threading.Event()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._given_up.set()

    def _begin(self) -> None:
        """Raises _GivenUp."""
        if self._given_up.is_set():
            raise _GivenUp


def _awaited(
    method: Callable[Concatenate[Client, _P], _T],
) -> Callable[Concatenate["AsyncClient", _P], Awaitable[_T]]:
    """A method of the client as a coroutine."""

    @wraps(method)
    async def call(self: "AsyncClient", /, *args: _P.args, **options: _P.kwargs) -> _T:
        with _Call(self.client) as client:
            return await self.run(partial(method, client, *args, **options))

    return call


def _iterated(
    method: Callable[Concatenate[Client, _P], Iterator[_T]],
) -> Callable[Concatenate["AsyncClient", _P], AsyncIterator[_T]]:
    """A method of the client that yields, as an asynchronous generator."""

    @wraps(method)
    async def call(
        self: "AsyncClient", /, *args: _P.args, **options: _P.kwargs
    ) -> AsyncIterator[_T]:
        with _Call(self.client) as client:
            found = method(client, *args, **options)
            try:
                while (one := await self.run(partial(next, found, _END))) is not _END:
                    yield one
            finally:
                with suppress(ValueError):  # a thread still waits for the next one
                    if isinstance(found, Generator):
                        found.close()

    return call


class AsyncClient:
    """A connection to one gateway; ``async with AsyncClient(url) as client``.

    Its methods are those of ``Client``, to be awaited, or iterated over with ``async for``. A task
    that is cancelled does not wait any longer: the request that is under way is answered all the
    same, and no other is sent.
    """

    def __init__(self, url: str | None = None, *, parallel: int = 32, **options: Any) -> None:
        """Connect.

        Args:
            url: of the gateway, as ``Client`` takes it.
            parallel: how many requests may be under way at once; others wait.
            options: those of ``Client``.
        """
        self.client = Client(url, **options)
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="triptych-client")

    async def run(self, call: Callable[[], _T]) -> _T:
        """What a call of the client returns, made in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.__exit__(kind, error, trace)

    add_item = _awaited(Client.add_item)
    add_files = _awaited(Client.add_files)  # type: ignore[arg-type]  # its options are any
    submit_files = _awaited(Client.submit_files)
    submit_manifest = _awaited(Client.submit_manifest)
    submit_archive = _awaited(Client.submit_archive)
    begin_upload = _awaited(Client.begin_upload)
    upload = _awaited(Client.upload)
    submit_upload = _awaited(Client.submit_upload)
    delete_upload = _awaited(Client.delete_upload)
    limits = _awaited(Client.limits)
    known = _awaited(Client.known)
    holdings = _iterated(Client.holdings)
    batch = _awaited(Client.batch)
    watch = _iterated(Client.watch)
    batches = _awaited(Client.batches)
    pause = _awaited(Client.pause)
    resume = _awaited(Client.resume)
    cancel = _awaited(Client.cancel)
    retry = _awaited(Client.retry)
    reconcile = _awaited(Client.reconcile)
    failures = _awaited(Client.failures)
    failure_pages = _iterated(Client.failure_pages)
    search = _awaited(Client.search)
    pages = _iterated(Client.pages)
    similar = _awaited(Client.similar)
    item = _awaited(Client.item)
    medium = _awaited(Client.medium)
    thumbnail = _awaited(Client.thumbnail)
    waveform = _awaited(Client.waveform)
    gallery = _awaited(Client.gallery)
    change_item = _awaited(Client.change_item)
    delete_items = _awaited(Client.delete_items)
    delete_item = _awaited(Client.delete_item)
    create_collection = _awaited(Client.create_collection)
    collection = _awaited(Client.collection)
    delete_collection = _awaited(Client.delete_collection)
    rebuild = _awaited(Client.rebuild)
    cancel_rebuild = _awaited(Client.cancel_rebuild)
    roll_back = _awaited(Client.roll_back)
    delete_previous_index = _awaited(Client.delete_previous_index)
    train = _awaited(Client.train)
    training = _awaited(Client.training)
    cancel_training = _awaited(Client.cancel_training)
    models = _awaited(Client.models)
    model = _awaited(Client.model)
    delete_model = _awaited(Client.delete_model)
    activate = _awaited(Client.activate)
    deactivate = _awaited(Client.deactivate)
    collections = _awaited(Client.collections)
    create_key = _awaited(Client.create_key)
    keys = _awaited(Client.keys)
    revoke_key = _awaited(Client.revoke_key)
    create_token = _awaited(Client.create_token)
