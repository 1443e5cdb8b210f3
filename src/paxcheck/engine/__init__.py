"""The engines: ways to explore a system. The reference engine is the law for all others."""
