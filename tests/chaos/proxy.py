"""A TCP proxy on loopback that can cut every connection at once."""

import select
import socket
import struct
import threading
from contextlib import suppress

_BLOCK = 2**16
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes on what comes to ``port``, until it is closed."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                pair = client, server
                with self._lock:
                    self._pairs.add(pair)
                threading.Thread(target=self._pass_on, args=(pair,), daemon=True).start()

    def _pass_on(self, pair: tuple[socket.socket, socket.socket]) -> None:
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        with suppress(OSError, ValueError):
            while True:
                readable, _, _ = select.select(pair, (), ())
                for one in readable:
                    if not (data := one.recv(_BLOCK)):
                        return self._end(pair)
                    other[one].sendall(data)
        return self._end(pair)

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for one in pair:
            one.close()

    def cut(self) -> int:
        """Reset every connection (RST); how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for one in pair:
                with suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    one.shutdown(socket.SHUT_RD)
                one.close()
        return len(pairs)

    def close(self) -> None:
        """Take no more connections, and cut those that there are."""
        self._listener.close()
        self.cut()
