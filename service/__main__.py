"""`python -m service`: settings in, exit status out. Workers import this module too: it stays light."""

import sys


def main() -> int:
    """Serve; return the exit status: 0 after a drain, 1 when the service failed, 2 for a bad setting."""
    from service.errors import StartError  # noqa: PLC0415 - see above
    from service.settings import SettingsError, load  # noqa: PLC0415

    try:
        settings = load(sys.argv[1:])
        from service.server import serve  # noqa: PLC0415 - LitServe takes half a second

        serve(settings)
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except StartError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
