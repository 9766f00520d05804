"""Why an artifact or a store was refused."""


class StoreError(Exception):
    """A model, version or file of the store is missing, unsafe or not what its manifest says.

    The message is one line and names the file or the name at fault.
    """


class UnknownModelError(StoreError):
    """The store has no such model or version."""


class PromotedMeanwhileError(StoreError):
    """CURRENT no longer names the version that it was to be moved from."""


class UnsignedError(StoreError):
    """A version has no good signature of a key that is trusted."""
