"""``python -m analyzer`` is the command ``ike-analyzer``."""

import sys

from analyzer.cli import main

sys.exit(main())
