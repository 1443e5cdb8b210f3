"""Raft: its shared properties, for models and for logs."""
