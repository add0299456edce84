"""What holds for every test."""

from __future__ import annotations

import os

# A worker of pytest-xdist is told that its output is 80 columns wide. The command line would believe that for good, as it reads the width
# when it is loaded, and no test could ask for another one.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
