"""Paths that several rooms name, as templates. Knows nothing of who may ask for them, or what they answer."""

PREDICT = "/predict"
MODEL_PREDICT = "/models/{model}/predict"
VERSION_PREDICT = "/models/{model}/versions/{version}/predict"
MODEL = "/v2/models/{model}"
VERSION = "/v2/models/{model}/versions/{version}"
EVALUATION = "/models/{model}/versions/{version}/evaluation"
FEEDBACK = "/feedback"
REPORT = "/models/{model}/versions/{version}/report"
DRIFT = "/models/{model}/drift"
INFER, INFER_VERSION = f"{MODEL}/infer", f"{VERSION}/infer"

LOAD = "/v2/repository/models/{model}/load"
UNLOAD = "/v2/repository/models/{model}/unload"

DATA_PLANE = (PREDICT, MODEL_PREDICT, VERSION_PREDICT, INFER, INFER_VERSION)
"""Whichever way rows come."""
