"""paxcheck: check, validate and learn consensus protocols."""
