"""What people read of a version: the report and the model card. Knows nothing of how a model is found."""
