"""The compiled engine: a handler is called once per (local state, message); then look-ups."""
