"""Stories: a behavior or a trace told in words and drawn as a space-time diagram."""
