"""Services for the tests of what watches and runs them."""

from tests.e2e.conftest import start

__all__ = ["start"]
