"""The last step needs no library of analysis, media or models: words come with the chunk."""

import subprocess
import sys

from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.queues import codec

ABSENT = (
    "nltk", "py3langid", "tokenizers", "onnxruntime", "sklearn", "cv2", "PIL", "librosa",
    "soundfile", "soxr", "scipy",
)  # fmt: skip
"""Of what the worker of the last step does not install, or needs for models of collections only."""
WRITE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT!r}))  # importing one of them fails
from pathlib import Path
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.ingest.chunk import Chunk
from triptych.queues import codec

message, media, index = sys.argv[1:]
engine = Engine.open(Settings(media_url=media, index_url=index))
assert not engine.write(Chunk.from_message(codec.loads(Path(message).read_bytes()))).failed
"""


def test_a_text_is_written_without_the_library_of_its_analysis(tmp_path):
    """Its words were made in its own step."""
    urls = {name: (tmp_path / name).as_uri() for name in ("media", "index")}
    with Engine.open(Settings(media_url=urls["media"], index_url=urls["index"])) as engine:
        manifest = engine.accept_manifest(
            "c", b'{"id": "a", "text": "The owls were hunting."}'
        ).manifest
        (chunk,) = engine.plan(manifest).chunks
        message = tmp_path / "message"
        message.write_bytes(codec.dumps(engine.step(chunk).chunk.to_message()))
        arguments = [sys.executable, "-c", WRITE, str(message), *urls.values()]
        subprocess.run(arguments, check=True)
        document = engine.index.get("c", "a")
        assert document["status"] == "indexed"
        assert document["words"] == {"text": "owl hunt"}
        assert document["plain"] == {"text": "the owls were hunting"}
