"""A process that writes batch after batch to an embedded index and says so: `index_writer.py FOLDER BATCHES`.

Batch n adds five chunks of its own, labelled `batch-n`, and moves the five chunks `shared-0` to `shared-4` to the term `generationn`; after
it, a call of its own removes batch n in release n + 2. A batch's number is printed when its calls have returned.
"""

from __future__ import annotations

import sys
from pathlib import Path

from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import Point
from tests.index_points import DIMENSION, point

SIZE = 5


def batch(number: int) -> list[Point]:
    """The points of one batch."""
    own = [point(f"chunk-{number}-{place}", "refund order", label=f"batch-{number}") for place in range(SIZE)]
    return [*own, *(point(f"shared-{place}", f"refund generation{number}", label="shared") for place in range(SIZE))]


def main(folder: Path, batches: int) -> None:
    """Write them all."""
    index = open_embedded_index(folder, DIMENSION)
    for number in range(batches):
        index.upsert(batch(number))
        index.remove({one.chunk: number + 2 for one in batch(number)[:SIZE]})
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    index.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
