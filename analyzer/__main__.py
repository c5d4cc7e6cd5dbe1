"""``python -m analyzer`` is the command ``ike-analyzer``."""

import sys

try:
    from analyzer.cli import main
except KeyboardInterrupt:  # so early that the handlers of main() do not stand yet
    print("ike-analyzer: interrupted", file=sys.stderr)
    sys.exit(130)

sys.exit(main())
