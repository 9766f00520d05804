"""`python -m service.keys NAME` makes a key."""

import sys

from service.gate.keys import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
