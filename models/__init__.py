"""What a trained model is on disk: the manifest and the store. Knows nothing of torch or HTTP."""
