"""docs/what-encoders-know.md: what the network sees in the pictures that the page names."""

import re
from pathlib import Path

import numpy as np

from triptych.encoders.image import efficientnet, heads
from triptych.media.image import decode_image

PAGE = Path(__file__).parents[4] / "docs/what-encoders-know.md"
PICTURES = {
    "An elephant.": "animals/mammals/elephant",
    "A penguin.": "animals/birds/penguin",
    "A duck.": "animals/birds/duck",
    "A soccer ball.": "sports/soccer",
    "A camera.": "hobbies/camera_35mm",
    "An owl.": "animals/birds/owl",
    "A fireman.": "people/fireman200b",
    "An eye.": "people/body_parts/eye",
    "An astronaut making a spacewalk!": "space/spacewalk",
    "A plant of common lavender.": "plants/lavender",
}


def test_the_table_is_what_the_network_sees(stamps: Path):
    """The three likeliest classes of each picture, in order."""
    table = PAGE.read_text("utf-8").partition("| likeliest classes |\n|---|---|\n")[2]
    rows = table.partition("\n\n")[0]
    shown = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", rows, re.MULTILINE))
    files = [stamps / f"{path}.png" for path in PICTURES.values()]
    pixels = [decode_image(file.read_bytes(), side=224, max_pixels=10**8) for file in files]
    backbone = efficientnet.shared(threads=1)
    weights, bias = backbone.classifier
    likely = backbone.encode(pixels)[:, : weights.shape[1]] @ weights.T + bias
    names = heads.class_names()
    seen = [", ".join(names[best] for best in np.argsort(-row)[:3]) for row in likely]
    assert shown == dict(zip(PICTURES, seen, strict=True))
    captions = [file.with_suffix(".txt").read_text("utf-8").splitlines()[0] for file in files]
    assert captions == list(PICTURES)
