"""``python -m cardrisk`` is the command line."""

import sys

from cardrisk.cli import main

sys.exit(main())
