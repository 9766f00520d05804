"""Paths that several rooms name, as templates. Knows nothing of who may ask for them, or what they answer."""

PREDICT = "/predict"
MODEL = "/v2/models/{model}"
VERSION = "/v2/models/{model}/versions/{version}"
INFER, INFER_VERSION = f"{MODEL}/infer", f"{VERSION}/infer"

DATA_PLANE = (PREDICT, INFER, INFER_VERSION)
"""Whichever way rows come."""
