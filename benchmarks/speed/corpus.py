"""The corpus and the questions that every engine gets: real sentences recombined, with vectors to match, the same at every run.

Half a million texts cannot be embedded in an afternoon on two cores. So some thousand passages are embedded by the model, and a generated
chunk, which mixes sentences of two of them, gets a noisy mixture of their two vectors. Questions are embedded by the model when they are
asked. Texts, vectors, filters and questions are the same for every engine.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 5
CHUNKS_PER_DOCUMENT = 20
WORDS = 110
"""Words of a base passage, about."""

MOST_PASSAGES = 3000
LABELS = [f"group-{number:03}" for number in range(200)]
REGIONS = [f"region-{number}" for number in range(10)]
ZONES = {f"zone-{number}": tuple(REGIONS[(number + step) % 10] for step in range(5)) for number in range(10)}
SHARES = {"10%": (40, 5), "1%": (20, 1)}
"""Part of the corpus that a filter admits: how many of the labels, how many of the regions."""

NOISE, MAIN, OTHER = 0.35, 0.8, 0.4

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
SplitSentences = Callable[[str], list[str]]


@dataclass(frozen=True)
class Passage:
    """A stretch of a real document."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A generated chunk. `label` says who may read it, `region` where it holds; all chunks of a document share both."""

    id: str
    document: int
    ordinal: int
    title: str
    text: str
    label: str
    region: str
    passage: int
    """The base passage that most of it comes from."""

    @property
    def indexed(self) -> str:
        """What an engine embeds and searches by words."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True)
class Question:
    """A question under its own filter. `place` is a region, or a zone that stands for several: `regions`."""

    text: str
    share: str
    labels: tuple[str, ...]
    place: str
    regions: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """A corpus as it lies in its folder."""

    folder: Path

    def entries(self) -> Iterator[Entry]:
        """The chunks in order, one in memory at a time."""
        with (self.folder / "entries.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield Entry(**json.loads(line))

    def vectors(self) -> Vectors:
        """Their vectors, shape (chunks, dimension), mapped rather than read."""
        vectors: Vectors = np.load(self.folder / "vectors.npy", mmap_mode="r")
        return vectors

    def questions(self) -> list[Question]:
        """The questions, of both shares in turn."""
        raw = json.loads((self.folder / "questions.json").read_text())
        return [Question(one["text"], one["share"], tuple(one["labels"]), one["place"], tuple(one["regions"])) for one in raw]

    def facts(self) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Label and region of each chunk, as numbers."""
        with np.load(self.folder / "facts.npz") as kept:
            return kept["labels"], kept["regions"]


def passages(documents: Iterable[tuple[str, str]], split: SplitSentences) -> list[Passage]:
    """Distinct stretches of documents, which are given by title and text, in a fixed order."""
    found: dict[tuple[str, ...], Passage] = {}
    for title, text in documents:
        for stretch in _stretches([one for one in split(text) if len(one.split()) > 3]):
            found.setdefault(stretch, Passage(title, stretch))
    every = list(found.values())
    random.Random(SEED).shuffle(every)  # noqa: S311 - the same corpus every time
    return every[:MOST_PASSAGES]


def _stretches(sentences: Sequence[str]) -> Iterator[tuple[str, ...]]:
    pile: list[str] = []
    for sentence in sentences:
        pile.append(sentence)
        if sum(len(one.split()) for one in pile) >= WORDS:
            yield tuple(pile)
            pile = []


def make(folder: Path, size: int, base: Sequence[Passage], embedded: Vectors, questions: int) -> Corpus:
    """Write a corpus of `size` chunks, unless it is there."""
    corpus = Corpus(folder)
    if (folder / "questions.json").exists():
        return corpus
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED + size)  # noqa: S311 - the same corpus every time
    pairs, facts = _write_entries(folder, size, base, chance)
    np.savez(folder / "facts.npz", labels=facts[0], regions=facts[1])
    _write_vectors(folder, pairs, embedded)
    asked = [asdict(_question(base, share, chance)) for _ in range(questions) for share in SHARES]
    (folder / "questions.json").write_text(json.dumps(asked, indent=1))
    return corpus


def _write_entries(
    folder: Path, size: int, base: Sequence[Passage], chance: random.Random
) -> tuple[NDArray[np.int32], tuple[NDArray[np.int16], NDArray[np.int16]]]:
    pairs, facts = np.empty((size, 2), np.int32), (np.empty(size, np.int16), np.empty(size, np.int16))
    label, region = 0, 0
    with (folder / "entries.jsonl").open("w", encoding="utf-8") as file:
        for row in range(size):
            if row % CHUNKS_PER_DOCUMENT == 0:
                label, region = chance.randrange(len(LABELS)), chance.randrange(len(REGIONS))
            pairs[row] = chance.randrange(len(base)), chance.randrange(len(base))
            facts[0][row], facts[1][row] = label, region
            entry = _entry(row, base, pairs[row].tolist(), (label, region), chance)
            file.write(json.dumps(asdict(entry)) + "\n")
    return pairs, facts


def _entry(row: int, base: Sequence[Passage], pair: Sequence[int], place: tuple[int, int], chance: random.Random) -> Entry:
    main, other = base[pair[0]], base[pair[1]]
    document, ordinal = divmod(row, CHUNKS_PER_DOCUMENT)
    words = [*_some(main.sentences, 4, chance), *_some(other.sentences, 1, chance)]
    text = re.sub(r"\d", lambda _: str(chance.randrange(10)), " ".join(words))
    title, (label, region) = f"{main.title} {document}", place
    return Entry(f"chunk-{row:07}", document, ordinal, title, text, LABELS[label], REGIONS[region], pair[0])


def _some(sentences: Sequence[str], count: int, chance: random.Random) -> Sequence[str]:
    start = chance.randrange(max(1, len(sentences) - count + 1))
    return sentences[start : start + count]


def _write_vectors(folder: Path, pairs: NDArray[np.int32], embedded: Vectors, at_once: int = 10_000) -> None:
    dimension = embedded.shape[1]
    kept = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(len(pairs), dimension))
    draw = np.random.default_rng(SEED + len(pairs))
    for start in range(0, len(pairs), at_once):
        some = pairs[start : start + at_once]
        noise = draw.normal(size=(len(some), dimension)) / np.sqrt(dimension)
        mixed = MAIN * embedded[some[:, 0]] + OTHER * embedded[some[:, 1]] + NOISE * noise
        kept[start : start + len(some)] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    kept.flush()


def _question(base: Sequence[Passage], share: str, chance: random.Random) -> Question:
    words = " ".join(chance.choice(base).sentences).split()
    length = chance.randrange(6, 13)
    start = chance.randrange(max(1, len(words) - length))
    labels, regions = SHARES[share]
    place = chance.choice(REGIONS) if regions == 1 else chance.choice(list(ZONES))
    return Question(
        " ".join(words[start : start + length]), share, tuple(sorted(chance.sample(LABELS, labels))), place, ZONES.get(place, (place,))
    )


def admitted(corpus: Corpus, question: Question) -> NDArray[np.intp]:
    """Rows of the chunks that a question's filter admits."""
    labels, regions = corpus.facts()
    wanted = [LABELS.index(label) for label in question.labels], [REGIONS.index(region) for region in question.regions]
    return np.flatnonzero(np.isin(labels, wanted[0]) & np.isin(regions, wanted[1]))


def exact(corpus: Corpus, question: Question, vector: Vectors, limit: int) -> list[str]:
    """The nearest admitted chunks, by every product there is."""
    rows = admitted(corpus, question)
    scores = corpus.vectors()[rows].astype(np.float64) @ vector.astype(np.float64)
    best = sorted(zip(-scores, rows.tolist(), strict=True))[:limit]
    return [f"chunk-{row:07}" for _, row in best]


def load_base(folder: Path, base: Sequence[Passage], model_id: str, embed: Embed) -> Vectors:
    """The base passages' vectors, embedded once for a folder."""
    name = re.sub(r"[^\w.-]", "_", f"base-{model_id}-{len(base)}.npy")
    path = folder / name
    if not path.exists():
        np.save(path, embed([f"{one.title}\n{' '.join(one.sentences)}" for one in base]))
    vectors: Vectors = np.load(path)
    return vectors
