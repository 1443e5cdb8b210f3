"""A long trace in two processes: the second one replays its later part ahead of the first.

Where the trace shows what each node holds at some line, a second process begins there. What it
takes from the network without having seen it sent, it owes. This process replays the part before,
sees that the nodes held just that and that each message owed was in transit, and judges the
properties of both parts in order. So nothing rests on a guess: where one was wrong, or an event is
not an ordinary one, all is done again in this process alone.
"""

from paxcheck.trace.conform.ahead.second import Again, Ahead, ahead_of

__all__ = ["Again", "Ahead", "ahead_of"]
