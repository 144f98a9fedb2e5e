"""``python -m tests.bench.long_audio``: memory and time that a sound of an hour takes.

Each step is measured in a process of its own, which decodes the file and encodes it. What it takes
in addition is the peak of resident memory over that of a process that has done the same with a
second of sound: ``anonymous`` is memory that only the process has, ``total`` includes pages of the
map of the samples, which the kernel can take back at any time. The bytes of the file, which a
worker holds anyway, are not counted.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from tests.bench.figures import Figure, emit, say

SECONDS = 3600
_FORMATS = {"wav": ("WAV", "PCM_16", 44_100), "mp3": ("MP3", "MPEG_LAYER_III", 44_100)}
_FITTED = "mfcc-words"
_ENCODERS = ("mfcc-statistics", "logmel-statistics", _FITTED, "musicnn")
_SAMPLING_SECONDS = 0.02


def run() -> None:
    """Measure decoding from each format, and each encoder on the WAV."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in _FORMATS:
            write(Path(folder) / f"long.{kind}", SECONDS, kind)
            _report(f"decode.{kind}", Path(folder) / f"long.{kind}", "")
        for name in _ENCODERS:
            _report(name, Path(folder) / "long.wav", name)


def write(path: Path, seconds: int, kind: str) -> None:
    """Write stereo noise under a sine, a minute at a time."""
    import numpy as np
    import soundfile as sf

    container, subtype, rate = _FORMATS[kind]
    random = np.random.default_rng(0)
    with sf.SoundFile(path, "w", rate, 2, subtype, format=container) as file:
        for start in range(0, seconds, 60):
            count = rate * min(60, seconds - start)
            sine = np.sin(np.arange(count) / 20)[:, np.newaxis]
            file.write((0.3 * sine + random.normal(0, 0.05, (count, 2))).astype(np.float32))


def _report(name: str, path: Path, encoder: str) -> None:
    say(f"long_audio: {name}")
    script = [sys.executable, "-m", "tests.bench.long_audio", "--path", str(path)]
    answer = subprocess.run(
        [*script, "--encoder", encoder], check=True, stdout=subprocess.PIPE, text=True
    )
    for quantity, value in json.loads(answer.stdout).items():
        unit = "s" if quantity == "cpu" else "MiB"
        emit(Figure(f"long_audio.{name}.{quantity}", value, None, None, unit))


class _Peaks:
    """The highest resident memory, looked at all the time, in MiB."""

    def __init__(self) -> None:
        self.anonymous = self.total = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLING_SECONDS):
            status = Path("/proc/self/status").read_text()
            rows = [row.split() for row in status.splitlines() if row.startswith("Rss")]
            kib = {name: int(value) for name, value, _ in rows}
            self.anonymous = max(self.anonymous, kib["RssAnon:"] / 1024)
            self.total = max(self.total, sum(kib.values()) / 1024)


def measure(path: Path, encoder: str) -> dict[str, float]:
    """Decode and encode in this process: MiB over the same for a second of sound, and CPU s."""
    from triptych.media.audio import decode_audio

    model = _open(encoder) if encoder else None

    def work(data: bytes) -> None:
        samples = decode_audio(data, max_seconds=SECONDS)
        if model is not None:
            model.encode([samples])

    data = path.read_bytes()
    with _Peaks() as before:
        work(_second())
        time.sleep(5 * _SAMPLING_SECONDS)
    start = time.process_time()
    with _Peaks() as after:
        work(data)
    return {
        "anonymous": after.anonymous - before.anonymous,
        "total": after.total - before.total,
        "cpu": time.process_time() - start,
    }


def _second() -> bytes:
    import numpy as np
    import soundfile as sf

    file = io.BytesIO()
    sf.write(file, np.random.default_rng(1).normal(0, 0.1, (44_100, 2)), 44_100, format="WAV")
    return file.getvalue()


def _open(name: str) -> Any:
    from triptych.encoders import registry

    if name != _FITTED:
        return registry.open_encoder(name)
    import numpy as np

    noise = np.random.default_rng(2).normal(0, 0.1, 22_050 * 20).astype(np.float32)
    return registry.load(registry.fit(name, [noise]))


def main() -> None:
    """Measure everything; with ``--path``, what one process takes, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.long_audio", description=__doc__)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--encoder", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.path is None:
        run()
    else:
        print(json.dumps(measure(options.path, options.encoder)))


if __name__ == "__main__":
    main()
