"""`python -m service.keys NAME` makes a key. Knows nothing of the service that will take it."""

import hashlib
import secrets
import sys

from service.gate.keys_file import LINE


def main(arguments: list[str]) -> int:
    """Make a key: print its line for the keys file, and on standard error the key itself."""
    if len(arguments) != 1 or not LINE.fullmatch(f"{arguments[0]}:{'0' * 64}"):
        sys.stderr.write("usage: python -m service.keys NAME >> KEYS_FILE\n")
        return 2
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{arguments[0]}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    sys.stderr.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
