"""`python -m microgradnet` is the command `microgradnet`."""

from __future__ import annotations

import sys

from microgradnet.cli import main

if __name__ == "__main__":
    sys.exit(main())
