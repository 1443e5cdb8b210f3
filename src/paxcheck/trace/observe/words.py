"""What a fact tells, in words."""

from __future__ import annotations

from paxcheck.paxos import facts as f
from paxcheck.paxos.causality import clock_text
from paxcheck.paxos.monitor import ballot_text, where


def in_words(fact: f.Fact) -> str:
    """One short sentence: `a2 votes for x in ballot 3.p1, in slot 4`."""
    node = fact.node
    match fact:
        case f.Booted(first=first):
            return f"{node} starts" + (" for the first time" if first else "")
        case f.Crashed():
            return f"{node} stops"
        case f.LinesLost():
            return f"lines of {node} are missing before this one"
        case f.Members(members=members):
            return f"{node or 'every node'} counts in {members}"
        case f.PromiseHeld(ballot=b, slot=s):
            held = "no promise" if b is None else f"promise {ballot_text(b)}"
            return f"{node}'s state shows {held}{where(s)}"
        case f.Promised(ballot=b, slot=s, votes=votes):
            told = ""
            if votes is not None:
                told = ", reporting " + (_reports(votes) or "no vote")
            return f"{node} promises {ballot_text(b)}{where(s)}{told}"
        case f.Proposed(ballot=b, slot=s, value=v):
            return f"{node} asks for votes for {_value(v)} in ballot {ballot_text(b)}{where(s)}"
        case f.VoteCast(ballot=b, slot=s, value=v, source="state"):
            cast = (
                "no vote" if b is None else f"its vote for {_value(v)} in ballot {ballot_text(b)}"
            )
            return f"{node}'s state shows {cast}{where(s)}"
        case f.VoteCast(ballot=b, slot=s, value=v):
            return f"{node} votes for {_value(v)} in ballot {ballot_text(b)}{where(s)}"
        case f.Decided(value=v, slot=s):
            return f"{node} decides {_value(v)}{where(s)}"
        case f.Valid(value=v):
            return f"a client gives {v} to {node}"
        case _:
            return _raft_words(fact)


def _value(value: str | None) -> str:
    return "a value that is not recorded" if value is None else value


def _raft_words(fact: f.Fact) -> str:
    node = fact.node
    match fact:
        case f.AnswerHeard():
            return _heard(fact)
        case f.TermHeld(term=t):
            return f"{node}'s state shows term {t}"
        case f.VoteHeld(term=t, candidate=c):
            return f"{node}'s state shows {f'its vote for {c}' if c else 'no vote'} in term {t}"
        case f.Campaigned(term=t, slot=s, self_vote=own):
            return f"{node} campaigns with {ballot_text(t)}{where(s)}" + (
                " and votes for itself" if own else ""
            )
        case f.VoteGranted(term=t, candidate=c):
            return f"{node} grants its vote of term {t} to {c}"
        case f.Led(term=t):
            return f"{node} becomes leader of term {ballot_text(t)}"
        case f.Followed():
            return f"{node} is a follower"
        case f.EntryWritten(index=i, term=t, digest=d):
            return f"{node} writes entry {i} of term {t}" + (f": {d}" if d else "")
        case f.LogTruncated(index=i):
            return f"{node} drops its entries from {i} on"
        case f.SnapshotInstalled(index=i):
            return f"{node} installs a snapshot up to {i}"
        case f.Acked(to=to, index=i):
            return f"{node} acknowledges entries up to {i} to {to}"
        case f.CommitAdvanced(index=i, leader=leader):
            return f"{node} commits up to {i}" + (" as leader" if leader else "")
        case f.Applied(index=i, term=t, digest=d):
            return f"{node} applies entry {i}" + _of_term(t) + (f": {d}" if d else "")
        case _:
            return _other_words(fact)


def _other_words(fact: f.Fact) -> str:
    node = fact.node
    match fact:
        case f.LeaseHeld(holder=holder, time=t, until=until):
            who = "holds the lease" if holder == node else f"grants the lease to {holder}"
            since = "" if t is None else f" from {t:.3f} s"
            return f"{node} {who}{since} until {until:.3f} s"
        case f.LeaseEnded():
            return f"{node}'s lease ends"
        case f.Sent(to=to, mid=mid):
            return f"{node} sends message {mid} to {to}"
        case f.Received(sender=sender, mid=mid):
            return f"{node} receives message {mid} from {sender}"
        case f.ClockRead(clock=clock, of=of, mid=mid):
            what = "" if mid is None else f" as it {of}s message {mid}"
            return f"{node}'s clock is {clock_text(clock)}{what}"
        case _:
            return f"{node}: {type(fact).__name__}"


def _heard(fact: f.AnswerHeard) -> str:
    what = {
        "promise": "the promise of",
        "accepted": "the vote of",
        "vote": "the vote of",
        "append": "an acknowledgement of",
    }[fact.kind]
    if not fact.granted:
        what = "a refusal of"
    which = "" if fact.ballot is None else f" for {ballot_text(fact.ballot)}"
    upto = "" if fact.index is None else f" up to entry {fact.index}"
    told = ""
    if fact.votes is not None:
        told = ", reporting " + (_reports(fact.votes) or "no vote")
    return f"{fact.node} hears {what} {fact.sender}{which}{upto}{where(fact.slot)}{told}"


def _reports(votes: tuple[f.VoteReported, ...]) -> str:
    return ", ".join(f"{v.value}@{ballot_text(v.ballot)}{where(v.slot)}" for v in votes)


def _of_term(term: int | None) -> str:
    return "" if term is None else f" of term {term}"
