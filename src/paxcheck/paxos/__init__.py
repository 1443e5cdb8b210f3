"""The family's vocabulary and shared properties. Models import their words from here."""

from paxcheck.paxos.folds import highest
from paxcheck.paxos.history import Chosen, Promised, Proposed, Voted, chosen
from paxcheck.paxos.vocabulary import Accept, Accepted, Ballot, Prepare, Promise, Vote, latest

__all__ = [
    "Accept",
    "Accepted",
    "Ballot",
    "Chosen",
    "Prepare",
    "Promise",
    "Promised",
    "Proposed",
    "Vote",
    "Voted",
    "chosen",
    "highest",
    "latest",
]
