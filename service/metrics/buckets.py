"""The edges of histograms. Knows nothing of what is measured."""

SLO_S = 0.010
"""99 % of requests are to be answered within this; a bucket edge, or the share could not be read off."""

# Rule: the SLO times powers of two; from well under the fastest to past the longest that is waited for.
DURATION_BUCKETS = tuple(SLO_S * 2**k for k in range(-6, 11))
INFERENCE_BUCKETS = tuple(SLO_S * 2**k for k in range(-10, 8))
# Rule: a second times powers of four; past 30 days, the longest that a label may take.
DELAY_BUCKETS = tuple(float(4**k) for k in range(12))
# Rule: powers of two up to the default limit of rows in one call of the model.
ROWS_BUCKETS = tuple(float(2**k) for k in range(13))
