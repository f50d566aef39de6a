"""What an answer costs beside its provider's time: the service and a bare one, in turn, on the same machine."""
