"""CLIP, SigLIP and CLAP from a hub: tiny models, made here, fetched over HTTP from this machine."""

import hashlib
import json
from pathlib import Path

import librosa
import numpy as np
import onnx
import pytest
import soxr
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from hub_server import serve
from triptych.core.errors import InvalidInput
from triptych.core.settings import Encoders
from triptych.encoders.extractors import load_extractor
from triptych.encoders.hub.preprocess import Pictures, Sounds
from triptych.encoders.registry import card_of, open_encoder
from triptych.encoders.weights import WeightsError
from triptych.fusion.layout import make_layout
from triptych.media.audio import RATE

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIDE, DIMS = 8, 8
WORDS = ["<pad>", "<s>", "</s>", "red", "green", "blue", "low", "high", "a", "and"]
CLIP = {
    "crop_size": SIDE, "size": SIDE, "do_center_crop": True, "resample": 3,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}  # fmt: skip
SIGLIP = {
    "size": {"height": SIDE, "width": SIDE}, "resample": 2, "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
}  # fmt: skip
CLAP = {
    "sampling_rate": 48_000, "max_length_s": 10, "fft_window_size": 1024, "hop_length": 480,
    "feature_size": 64, "frequency_min": 50, "frequency_max": 14_000, "top_db": None,
    "truncation": "rand_trunc", "padding": "repeatpad",
}  # fmt: skip
RNG = np.random.default_rng(7)
SPREAD = 0.02 * RNG.standard_normal((3 * SIDE * SIDE, DIMS)).astype(np.float32)
COLOURS = np.kron(np.eye(3, DIMS), np.full((SIDE * SIDE, 1), 1 / SIDE**2)).astype(np.float32)
VISION = COLOURS + SPREAD / SIDE**2
BANDS = np.zeros((64, DIMS), np.float32)
BANDS[:32, 3], BANDS[32:, 4] = 1 / 32, 1 / 32
MEANING = np.zeros((len(WORDS), DIMS), np.float32)
MEANING[3:8, :5] = np.eye(5)
MEANING[8:] = 0.1 * RNG.standard_normal((2, DIMS))
MEANING[1:3, 5:7] = 0.1 * np.eye(2)
MEANING[0, 7] = 1  # the padding, where a model reads it
GOLDEN_PIXELS = [0.747864, 1.444558, 1.562874, 0.193124]
GOLDEN_DECIBELS = [8.8495, 4.1262, -75.8064, -91.0579, -100.0]


def save_network(path: Path, inputs, nodes, weights, output: str, **external) -> None:
    """Write an ONNX file; a node is (operator, inputs, output, attributes)."""
    graph = helper.make_graph(
        [helper.make_node(op, sources, [result], **extra) for op, sources, result, extra in nodes],
        "tiny",
        [helper.make_tensor_value_info(*entry) for entry in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", None])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path, **external)


def save_vision(folder: Path, output: str, config, file="vision_model", **external) -> None:
    """Pixels times a matrix, so that the position of each pixel counts."""
    inputs = [("pixel_values", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])]
    nodes = [("Flatten", ["pixel_values"], "flat", {}), ("MatMul", ["flat", "w"], output, {})]
    save_network(folder / f"onnx/{file}.onnx", inputs, nodes, {"w": VISION}, output, **external)
    (folder / "preprocessor_config.json").write_text(json.dumps(config))


def save_text(folder: Path, output: str) -> None:
    """The mean of the vectors of the tokens that the mask shows."""
    inputs = [(n, TensorProto.INT64, ["n", "length"]) for n in ("input_ids", "attention_mask")]
    nodes = [
        ("Gather", ["w", "input_ids"], "tokens", {}),
        ("Cast", ["attention_mask"], "mask", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", ["mask", "third"], "column", {}),
        ("Mul", ["tokens", "column"], "shown", {}),
        ("ReduceSum", ["shown", "second"], "sum", {"keepdims": 0}),
        ("ReduceSum", ["column", "second"], "count", {"keepdims": 0}),
        ("Div", ["sum", "count"], output, {}),
    ]
    weights = {"w": MEANING, "third": np.array([2]), "second": np.array([1])}
    save_network(folder / "onnx/text_model.onnx", inputs, nodes, weights, output)
    words = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="a"))  # noqa: S106 (a word)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"pad_token": {"content": "<pad>"}, "model_max_length": 16}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def save_audio(folder: Path) -> None:
    """How loud the lower and the upper half of the bands are, above -100 dB."""
    inputs = [("input_features", TensorProto.FLOAT, ["n", 1, 1001, 64])]
    nodes = [
        ("ReduceMean", ["input_features", "axes"], "bands", {"keepdims": 0}),
        ("Add", ["bands", "floor"], "loud", {}),
        ("MatMul", ["loud", "w"], "audio_embeds", {}),
    ]
    weights = {"axes": np.array([1, 2]), "floor": np.float32([100]), "w": BANDS}
    save_network(folder / "onnx/audio_model.onnx", inputs, nodes, weights, "audio_embeds")
    (folder / "preprocessor_config.json").write_text(json.dumps(CLAP))


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory) -> Path:
    """Three repositories as transformers.js reads them."""
    root = tmp_path_factory.mktemp("hub")
    clip, siglip, clap = (root / "tiny" / name / COMMIT for name in ("clip", "siglip", "clap"))
    save_vision(clip, "image_embeds", CLIP)
    (clip / "pytorch_model.bin").write_bytes(b"never to be fetched")
    save_text(clip, "text_embeds")
    apart = {"save_as_external_data": True, "size_threshold": 64}
    file = "vision_model_fp16"
    save_vision(clip, "image_embeds", CLIP, file, **apart, location=f"{file}.onnx_data")
    save_vision(siglip, "pooler_output", SIGLIP)
    save_text(siglip, "pooler_output")
    save_text(clap, "text_embeds")
    save_audio(clap)
    return root


@pytest.fixture
def hub(models_folder, tmp_path, monkeypatch):
    """The hub, and an empty cache; yields the requested paths."""
    disable_progress_bars()
    with serve(models_folder) as (address, requested):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
        yield requested
    enable_progress_bars()


@pytest.fixture
def changed(models_folder, hub):
    """Give a file of a repository other content for one test."""
    before = {}

    def change(name: str, data: bytes | None) -> None:
        path = models_folder / name.replace("@", COMMIT)
        before[path] = path.read_bytes()
        path.unlink() if data is None else path.write_bytes(data)

    yield change
    for path, data in before.items():
        path.write_bytes(data)


def named(encoder: str, repository: str, variant: str = "") -> str:
    return f"{encoder}@tiny/{repository}:{COMMIT}{variant}"


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def noise(*size: int) -> np.ndarray:
    return np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), np.uint8)


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz / RATE * np.arange(int(seconds * RATE))).astype(np.float32)


def units(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


BATCHES = {
    ("clip-image", "clip"): [noise(9, 31), noise(40, 12), *(noise(8, n) for n in range(8, 28))],
    ("siglip-image", "siglip"): [noise(8, 8), noise(9, 31), noise(40, 12)],
    ("clip-text", "clip"): ["red", "a red and a blue", "", *["green " * n for n in range(1, 25)]],
    ("siglip-text", "siglip"): ["red", "a red and a blue", "", "green " * 30],
    ("clap-text", "clap"): ["low", "a low and high", ""],
    ("clap-audio", "clap"): [tone(200, 1), tone(5000, 11), tone(900, 0.01), np.zeros(0, "f4")],
}  # fmt: skip


@pytest.mark.parametrize(("name", "repository"), BATCHES)
def test_rows_are_units_and_a_batch_is_the_same_as_one_by_one(hub, name, repository):
    """Padding, runs and order change nothing; each row stays with its element."""
    encoder, batch = open_encoder(named(name, repository)), BATCHES[name, repository]
    together = encoder.encode(batch)
    alone = np.concatenate([encoder.encode([element]) for element in batch])
    assert together.shape == (len(batch), DIMS)
    assert together.dtype == np.float32
    assert np.abs(together - alone).max() < 1e-5
    norms = np.linalg.norm(together, axis=1)
    assert np.allclose(norms[norms > 0], 1, atol=1e-5)
    assert (norms == 0).sum() == (name == "clap-audio")  # the sound without a sample
    assert encoder.encode([]).shape == (0, DIMS)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_picture_is_nearest_to_its_colour(hub, kind):
    """Both halves of a model share a space."""
    pictures = open_encoder(named(f"{kind}-image", kind))
    texts = open_encoder(named(f"{kind}-text", kind))
    vectors = pictures.encode([picture((255, 0, 0)), picture((0, 255, 0)), picture((0, 0, 255))])
    scores = vectors @ texts.encode(["red", "green", "blue"]).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_sound_is_nearest_to_its_pitch(hub):
    """CLAP through the same protocol."""
    sounds = open_encoder(named("clap-audio", "clap"))
    texts = open_encoder(named("clap-text", "clap"))
    scores = sounds.encode([tone(150, 2), tone(8000, 12)]) @ texts.encode(["low", "high"]).T
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_clip_sees_the_middle_of_a_picture(hub):
    """Against the formula: the shorter edge to 8 (it is), the middle 8 columns, (x/255 - m)/s."""
    wide = noise(8, 13)
    pixels = (wide[:, 2:10] / 255 - CLIP["image_mean"]) / CLIP["image_std"]
    expected = units(pixels.transpose(2, 0, 1).reshape(1, -1) @ VISION)
    encoder = open_encoder(named("clip-image", "clip"))
    assert encoder.encode([wide]) == pytest.approx(expected, abs=1e-5)
    assert encoder.side == 2 * SIDE


def test_siglip_sees_the_whole_picture(hub):
    """Against the formula: both edges to 8, whatever the shape, bilinear; x/127.5 - 1."""
    wide = noise(31, 57)
    squeezed = np.asarray(Image.fromarray(wide).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    expected = units((squeezed / 127.5 - 1).transpose(2, 0, 1).reshape(1, -1) @ VISION)
    encoder = open_encoder(named("siglip-image", "siglip"))
    assert encoder.encode([wide]) == pytest.approx(expected, abs=1e-5)
    assert encoder.side == SIDE


def test_the_golden_pixels():
    """As transformers 4.57.6 computes them of this picture; two floats' rounding apart."""
    row, column, channel = np.indices((50, 90, 3))
    drawn = ((7 * row + 5 * column + 60 * channel) % 256).astype(np.uint8)
    ((_, feed),) = Pictures({**CLIP, "size": {"shortest_edge": 32}, "crop_size": 24})([drawn])
    pixels = feed["pixel_values"][0][[0, 1, 2, 0], [0, 5, 23, 12], [0, 23, 23, 11]]
    assert pixels == pytest.approx(GOLDEN_PIXELS, abs=1e-6)


def test_the_golden_decibels():
    """As transformers 4.57.6 computes them of this sound; float32 FFTs differ by less."""
    ((_, feed),) = Sounds(CLAP)([0.5 * tone(440, 1.5) + 0.1 * tone(3000, 1.5)])
    assert feed["input_features"].shape == (1, 1, 1001, 64)
    decibels = feed["input_features"][0, 0][[0, 10, 500, 901, 1000], [0, 8, 30, 63, 5]]
    assert decibels == pytest.approx(GOLDEN_DECIBELS, abs=0.01)


def test_a_spectrogram_is_what_the_formula_says():
    """Frame by frame with numpy: periodic Hann, reflected ends, Slaney mels, 10·log10."""
    sound = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    ((_, feed),) = Sounds(CLAP)([sound])
    whole = np.tile(soxr.resample(sound, RATE, 48_000), 3)
    padded = np.pad(np.pad(whole, (0, 480_000 - len(whole))), 512, mode="reflect")
    window = np.hanning(1025)[:-1]
    mels = librosa.filters.mel(sr=48_000, n_fft=1024, n_mels=64, fmin=50, fmax=14_000)
    for frame in (0, 1, 300, 900, 1000):
        power = np.abs(np.fft.rfft(padded[frame * 480 :][:1024] * window)) ** 2
        expected = 10 * np.log10(np.maximum(mels @ power, 1e-10))
        assert feed["input_features"][0, 0, frame] == pytest.approx(expected, abs=0.01)


def test_of_a_long_sound_the_middle_is_heard(hub):
    """Ten seconds of 30; what is before and after does not count."""
    middle, rest = tone(300, 10), tone(6000, 10)
    encoder = open_encoder(named("clap-audio", "clap"))
    vectors = encoder.encode([np.concatenate([rest, middle, rest]), middle])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)


def test_siglip_reads_lower_case_and_its_padding(hub):
    """All 64 positions count (here 16, as the configuration says), the same for every text."""
    vectors = open_encoder(named("siglip-text", "siglip")).encode(["RED", "red", "a " * 40])
    ids = [1, WORDS.index("red"), 2, *[0] * 13]
    assert vectors[0] == pytest.approx(units(MEANING[ids].mean(axis=0, keepdims=True))[0], abs=1e-5)
    assert vectors[0] == pytest.approx(vectors[1])


def test_clip_does_not_see_padding(hub):
    """A short text beside a long one; what is behind the last token is cut, its end stays."""
    vectors = open_encoder(named("clip-text", "clip")).encode(["red", "green " * 14, "green " * 99])
    ids = [1, WORDS.index("red"), 2]
    assert vectors[0] == pytest.approx(units(MEANING[ids].mean(axis=0, keepdims=True))[0], abs=1e-5)
    assert vectors[1] == pytest.approx(vectors[2])


def test_the_card_names_what_was_fetched(hub, models_folder, store):
    """Source, width and the digest of each file; nothing but ONNX and JSON was asked for."""
    reference = named("clip-text", "clip")
    card = open_encoder(reference).card
    files = ("onnx/text_model.onnx", "tokenizer.json", "tokenizer_config.json")
    folder = models_folder / "tiny/clip" / COMMIT
    digests = [hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files]
    assert (card.source, card.dims) == (f"tiny/clip@{COMMIT}", DIMS)
    assert card.weights == tuple(digests)
    assert card_of(reference, store) == card
    assert {Path(path).suffix for path in hub if "/resolve/" in path} == {".onnx", ".json"}


def test_weights_may_lie_beside_a_network(hub):
    """As they do for large models; the suffix names the export, and the digests differ."""
    plain = open_encoder(named("clip-image", "clip"))
    apart = open_encoder(named("clip-image", "clip", ":fp16"))
    assert len(apart.card.weights) == len(plain.card.weights) + 1
    assert apart.card.fingerprint != plain.card.fingerprint
    assert np.allclose(apart.encode([noise(9, 9)]), plain.encode([noise(9, 9)]), atol=1e-6)


def test_what_is_there_needs_no_network(hub, monkeypatch):
    """Once fetched, HF_HUB_OFFLINE does no harm; before, the error says what is missing."""
    open_encoder(named("clip-image", "clip"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    seen = len(hub)
    open_encoder(named("clip-image", "clip"))
    assert len(hub) == seen
    expected = rf"onnx/text_model.onnx, tokenizer.json.* of tiny/clap@{COMMIT}.*HF_HUB_OFFLINE"
    with pytest.raises(WeightsError, match=expected):
        open_encoder(named("clap-text", "clap"))


def test_a_picture_encoder_compares_with_its_own_texts(hub, store):
    """In the space of the other half; the texts of another model are refused."""
    text = open_encoder(named("clip-text", "clip"))
    pictures = open_encoder(named("clip-image", "clip"), text=text)
    assert pictures.card.built_on == (text.card.fingerprint,)
    assert card_of(named("clip-image", "clip"), store, text=text.card) == pictures.card
    other = open_encoder(named("siglip-text", "siglip"))
    with pytest.raises(InvalidInput, match="other half of that model, not by siglip-text"):
        open_encoder(named("clip-image", "clip"), text=other)
    with pytest.raises(InvalidInput, match="other half of that model"):
        card_of(named("clip-image", "clip"), store, text=other.card)


def test_a_deployment_may_be_made_of_them(hub, store):
    """Settings, layout and extractors: pictures and words fill blocks of one space."""
    encoders = Encoders(
        semantic=named("clip-text", "clip"), concept=named("clip-image", "clip"),
        visual=named("siglip-image", "siglip"), acoustic=named("clap-audio", "clap"),
    )  # fmt: skip
    layout = make_layout(encoders, store)
    pictures, texts, sounds = (
        load_extractor(modality, encoders, threads=1, store=store)
        for modality in ("image", "text", "audio")
    )
    assert pictures.side == 2 * SIDE
    blocks = {
        **pictures([picture((0, 255, 0))]).blocks,
        **texts(["green"]).blocks,
        **sounds([tone(150, 1)]).blocks,
    }
    assert {block.name: block.card.dims for block in layout.blocks} == {
        name: rows.shape[1] for name, rows in blocks.items()
    }
    assert (blocks["semantic"] @ blocks["concept"].T).item() > 0.5


@pytest.mark.parametrize(
    "version", ["", "tiny/clip", "tiny/clip:main", f"clip:{COMMIT}", f"tiny/clip:{COMMIT[:12]}",
                f"tiny/../clip:{COMMIT}", f"tiny/clip:{COMMIT}:../x"],
)  # fmt: skip
def test_a_reference_names_a_commit(hub, store, version):
    """A branch moves; nothing is asked of the hub."""
    for call in (open_encoder, lambda reference: card_of(reference, store)):
        with pytest.raises(InvalidInput, match="clip-image@OWNER/NAME:COMMIT"):
            call(f"clip-image@{version}")
    assert not hub


def test_a_repository_that_is_not_there(hub):
    """The error names it."""
    with pytest.raises(WeightsError, match=f"of tiny/other@{COMMIT} can't be fetched"):
        open_encoder(named("clip-image", "other"))


def test_a_file_that_is_not_there(hub, changed):
    """The error names it."""
    changed("tiny/clip/@/onnx/vision_model.onnx", None)
    with pytest.raises(WeightsError, match=f"tiny/clip@{COMMIT} has no onnx/vision_model.onnx"):
        open_encoder(named("clip-image", "clip"))


@pytest.mark.parametrize(
    ("name", "file", "data", "message"),
    [
        ("clip-image", "clip/@/onnx/vision_model.onnx", b"no network", "vision_model.onnx can't"),
        ("clip-image", "clip/@/preprocessor_config.json", b"{}", "'size'"),
        ("clip-image", "clip/@/preprocessor_config.json",
         json.dumps({**CLIP, "do_center_crop": False}).encode(), "nothing is cropped"),
        ("clip-image", "clip/@/preprocessor_config.json",
         json.dumps({**CLIP, "crop_size": 9}).encode(), "larger than size"),
        ("clip-image", "clip/@/preprocessor_config.json",
         json.dumps({**CLIP, "size": 9, "crop_size": 9}).encode(), "embeds can't be computed"),
        ("clip-text", "clip/@/tokenizer.json", b"{}", "tokenizer.json.*of tiny/clip"),
        ("clip-text", "clip/@/tokenizer_config.json", b'{"pad_token": "x"}', "pad_token 'x'"),
        ("clap-audio", "clap/@/preprocessor_config.json",
         json.dumps({**CLAP, "truncation": "fusion"}).encode(), "truncation is 'fusion'"),
        ("clap-audio", "clap/@/preprocessor_config.json",
         json.dumps({**CLAP, "top_db": 80}).encode(), "top_db is 80"),
    ],
)  # fmt: skip
def test_a_model_that_is_not_known(changed, name, file, data, message):
    """The error names the actual and the expected value."""
    changed(f"tiny/{file}", data)
    with pytest.raises(WeightsError, match=message):
        open_encoder(named(name, file.split("/")[0]))


def test_a_network_with_other_outputs(hub):
    """The error lists them: CLIP's pooler_output would not be in the common space."""
    with pytest.raises(WeightsError, match="turns pixel_values into pooler_output, not"):
        open_encoder(named("clip-image", "siglip"))


def test_without_the_extra(monkeypatch):
    """The error says what to install."""
    monkeypatch.setattr("triptych.encoders.entries.find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"huggingface_hub, .* is not .*triptych\[hub\]"):
        open_encoder(named("clip-image", "clip"))
