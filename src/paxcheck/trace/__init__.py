"""Events: behaviors of models and traces of implementations, in one format."""
