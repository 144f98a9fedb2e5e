"""Speech found by its words: the English prompts of Asterisk, through their transcripts.

* Corpus: 200 of the prompts with speech, drawn with seed 0. Prompts whose text is only a remark in
  brackets (tones, silence, monkeys) have none.
* Gallery: the vectors of the transcripts, made by the text encoder. A short prompt has several
  readings; its vector is their mean. A prompt without a transcript has a vector of zeros and can't
  be found.
* Queries: the written text of each. Right is its own recording, or one whose text has the same
  words. R@1 is reported twice more. "With words" takes the mean of this cosine and that of the
  words of the likeliest reading, weighted by rarity: it stands for the keyword half of a search.
  "Of several words" takes the queries of several words only, in the same gallery, since a third of
  the prompts are single letters, numbers and words.
* The word error rate is errors over words, both sides in lower case, without punctuation, numbers
  below a million spelt out.
* Nothing is fitted here. The thresholds of the recogniser were chosen on other recordings, its
  handling of short sounds on the prompts that were not drawn.

The prompts without words are counted too: none of them should have a transcript.

Readings are kept in the cache under the recogniser's fingerprint, so only a first run takes
long (a minute and a half of one core).
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from triptych.core.settings import cache_home
from triptych.corpora import prompts
from triptych.corpora.prompts import Prompt
from triptych.encoders.audio.whisper import CARD, Whisper
from triptych.encoders.cards import unit_rows
from triptych.encoders.text.minilm import MiniLM
from triptych.evaluation.metrics import Mask, Matrix, Result, recall_at, result
from triptych.media.audio import decode_audio

_CORPUS = "asterisk-en"
_SAMPLE = 200
_GOAL = 0.90
_MAX_SECONDS = 120
_UNITS = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")


def run() -> Iterator[Result]:
    """Search for prompts by their text. Raises CorpusUnavailable."""
    corpus = prompts.fetch()
    spoken = [prompt for prompt in corpus if prompt.text]
    drawn = np.random.default_rng(0).permutation(len(spoken))[:_SAMPLE]
    sample = [spoken[i] for i in drawn]
    wordless = [prompt for prompt in corpus if not prompt.text]
    heard = transcribed([*sample, *wordless], cache_home() / f"readings-{CARD.fingerprint}.json")

    texts = [prompt.text for prompt in sample]
    recognised = [heard[prompt.name] for prompt in sample]
    transcripts = [readings[0] if readings else "" for readings in recognised]
    relevant = same_words(texts)
    cosines = _cosines(texts, recognised)
    yield result(_CORPUS, CARD.name, "R@1", recall_at(1, cosines, relevant), goal=_GOAL)
    yield result(_CORPUS, CARD.name, "R@10", recall_at(10, cosines, relevant))
    both = (cosines + word_cosines(texts, transcripts)) / 2
    yield result(_CORPUS, CARD.name, "R@1 with words", recall_at(1, both, relevant), goal=_GOAL)
    counts = np.array([len(words(text)) for text in texts])
    several = counts > 1
    phrases = recall_at(1, cosines[several], relevant[several])
    yield result(_CORPUS, CARD.name, "R@1 of several words", phrases, goal=_GOAL)
    errors = np.array(
        [edits(words(text), words(read)) for text, read in zip(texts, transcripts, strict=True)]
    )
    yield result(_CORPUS, CARD.name, "word error rate", errors / counts.mean())
    quiet = np.array([float(not heard[prompt.name]) for prompt in wordless])
    yield result(_CORPUS, CARD.name, "no speech, no transcript", quiet)


def transcribed(sample: Sequence[Prompt], cache: Path) -> dict[str, list[str]]:
    """The readings of each prompt by its name, the likeliest first; none if nothing is heard.

    Each sound is recognised once.
    """
    known: dict[str, list[str]] = json.loads(cache.read_text()) if cache.exists() else {}
    sounds = {prompt.name: prompt.path.read_bytes() for prompt in sample}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sounds.items()}
    missing = {digests[name]: data for name, data in sounds.items() if digests[name] not in known}
    if missing:
        batch = [decode_audio(data, max_seconds=_MAX_SECONDS) for data in missing.values()]
        transcripts = Whisper().recognise(batch)
        known |= {
            digest: [] if each is None else list(each.readings)
            for digest, each in zip(missing, transcripts, strict=True)
        }
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False) as file:
            json.dump(known, file)
        Path(file.name).replace(cache)
    return {name: known[digest] for name, digest in digests.items()}


def _cosines(texts: Sequence[str], recognised: Sequence[Sequence[str]]) -> Matrix:
    encoder = MiniLM()
    gallery = np.array([encoder.encode(readings).sum(axis=0) for readings in recognised])
    cosines: Matrix = encoder.encode(texts) @ unit_rows(gallery).T
    return cosines


def word_cosines(texts: Sequence[str], transcripts: Sequence[str]) -> Matrix:
    """Cosines of sets of words, each weighted by how rare it is among the transcripts."""
    bags = [set(words(text)) for text in transcripts]
    vocabulary = {word: column for column, word in enumerate(sorted(set().union(*bags)))}
    gallery = _bag_rows(bags, vocabulary)
    weights = np.log(1 + len(bags) / np.maximum((gallery > 0).sum(axis=0), 1))
    sides = (_bag_rows([set(words(text)) for text in texts], vocabulary), gallery)
    queries, items = (side * weights for side in sides)
    norms = [np.maximum(np.linalg.norm(side, axis=1), 1e-9) for side in (queries, items)]
    cosines: Matrix = (queries @ items.T) / np.outer(*norms)
    return cosines


def _bag_rows(bags: Sequence[set[str]], vocabulary: dict[str, int]) -> Matrix:
    rows = np.zeros((len(bags), len(vocabulary)))
    for row, bag in zip(rows, bags, strict=True):
        row[[vocabulary[word] for word in bag if word in vocabulary]] = 1
    return rows


def same_words(texts: Sequence[str]) -> Mask:
    """Whether two texts have the same words in the same order, bool (n, n)."""
    keys = np.array([" ".join(words(text)) for text in texts])
    same: Mask = keys[:, None] == keys
    return same


def words(text: str) -> list[str]:
    """Words in lower case, without punctuation, numbers spelt out: "Press 1." is press, one."""
    tokens = re.findall(r"\d{1,6}|[^\W\d_]+", text.lower().replace("'", ""))
    return [word for each in tokens for word in (_spelt(int(each)) if each.isdigit() else [each])]


def _spelt(number: int) -> list[str]:
    if number < len(_UNITS):
        return [_UNITS[number]]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            return [*_spelt(many), name, *(_spelt(rest) if rest else [])]
    tens, rest = divmod(number, 10)
    return [_TENS[tens - 2], *(_spelt(rest) if rest else [])]


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """The least number of words to insert, remove or replace (Levenshtein distance)."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
