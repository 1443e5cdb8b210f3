"""The second judge of what a server must remember, for logs that show terms and votes before they
are stored: what is proven, and what contradicts it. Written down as it stands, without an index.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from paxcheck.paxos import facts as f

Vote = tuple[int, str]


def memory(
    told: Sequence[f.Fact],
    nodes: Mapping[str, Sequence[f.Fact]],
    declaration: f.Declaration,
    holes: set[str],
) -> set[str]:
    """The contradictions, by the names of their properties."""
    found: set[str] = set()
    for name, own in nodes.items():
        heard = {
            (x.ballot, x.node)
            for x in told
            if isinstance(x, f.AnswerHeard) and x.kind == "vote" and x.granted and x.sender == name
            if x.node != name
        }
        server = _Server(own, heard, declaration, name in holes)
        if server.back():
            found.add("term-never-goes-back")
        if server.forgets():
            found.add("durable-vote")
        if any(server.two_votes(term) for term in {term for _, (term, _) in server.votes()}):
            found.add("one-vote-per-term")
    return found


class _Server:
    """One server's facts, in its own order."""

    def __init__(
        self,
        own: Sequence[f.Fact],
        heard: set[tuple[object, str]],
        declaration: f.Declaration,
        holes: bool,
    ) -> None:
        self.own = own
        self.heard = heard
        self.declaration = declaration
        self.whole = declaration.accounted and not holes
        self.proofs = list(self._proofs())
        # A vote that was heard was stored when it was cast, where no request comes twice.
        self.cast = [
            (at, x.term)
            for at, x in enumerate(own)
            if isinstance(x, f.VoteGranted) and (x.term, x.candidate) in heard
            if not declaration.duplicates
        ]

    def _proofs(self) -> Iterable[tuple[int, Vote]]:
        """(position, term and vote) that was stored by then; the vote is "" where it is unknown."""
        line = campaign = None
        many = False
        for at, x in enumerate(self.own):
            if isinstance(x, f.Booted):
                line, campaign = 0, None
            elif isinstance(x, f.LinesLost):
                line = None
            elif isinstance(x, f.Campaigned):
                campaign = x.term
            elif isinstance(x, f.Members):
                many = x.members is not None and len(x.members.everyone()) > 1
            elif isinstance(x, f.TermHeld | f.VoteHeld) and line is not None:
                line = line or x.line
                if x.line == line:
                    yield at, (x.term, getattr(x, "candidate", None) or "")
            elif isinstance(x, f.Stored):
                yield at, (x.term, x.candidate or "")
            elif isinstance(x, f.Led):
                if x.members is not None:
                    many = len(x.members.everyone()) > 1
                if many:
                    yield at, (x.term, x.node)
            elif isinstance(x, f.AnswerHeard) and x.kind == "vote" and x.sender != x.node:
                if campaign is None or x.ballot != campaign:
                    continue
                yield at, (campaign, x.node)

    def votes(self) -> list[tuple[int, Vote]]:
        """(position, term and candidate) of what it says, holds or stores."""
        found: list[tuple[int, Vote]] = []
        for at, x in enumerate(self.own):
            if isinstance(x, f.VoteGranted | f.VoteHeld | f.Stored) and x.candidate is not None:
                found.append((at, (x.term, x.candidate)))
            elif isinstance(x, f.Campaigned) and x.self_vote:
                found.append((at, (x.term, x.node)))
        # A vote that somebody heard and that it never told of is at no position.
        return found + [(-1, (t, c)) for t, c in self.heard if isinstance(t, int)]

    def one_life(self, one: int, two: int) -> bool:
        """Whether it cannot have started in between."""
        between = self.own[one : two + 1]
        starts = any(isinstance(x, f.Booted | f.LinesLost) for x in between)
        return self.whole and not starts

    def back(self) -> bool:
        """Whether it shows a term below one that it had stored before."""
        stored = [(at, term) for at, (term, _) in self.proofs] + self.cast
        held = [(at, x.term) for at, x in enumerate(self.own) if isinstance(x, f.TermHeld)]
        for (one, term), (two, now) in pairwise(held):
            if now < term and self.one_life(one, two):
                return True
        return any(
            isinstance(x, f.TermHeld | f.Stored)
            and any(before < at and term > x.term for before, term in stored)
            for at, x in enumerate(self.own)
        )

    def forgets(self) -> bool:
        """Whether its state shows no vote after it had one in this term."""
        last: tuple[int, Vote] | None = None
        for at, x in enumerate(self.own):
            if not isinstance(x, f.VoteGranted | f.VoteHeld):
                continue
            if x.candidate is None and last is not None and last[1][0] == x.term:
                stored = any(p < at and vote == last[1] for p, vote in self.proofs)
                if stored or self.one_life(last[0], at):
                    return True
            last = None if x.candidate is None else (at, (x.term, x.candidate))
        return False

    def two_votes(self, term: int) -> bool:
        """Whether it must have stored, or told in one life, two votes of a term."""
        sent = {c for t, c in self.heard if t == term}
        told = {c for _, (t, c) in self.votes() if t == term}
        proofs = [(at, vote) for at, (t, vote) in self.proofs if t == term and vote in told]
        if len(sent | {vote for _, vote in proofs}) > 1:
            return True
        votes = [(at, c) for at, (t, c) in self.votes() if t == term and at >= 0]
        newer = [at for at, (t, _) in self.proofs if t > term]
        for i, (at, was) in enumerate(votes):
            for later, now in votes[i + 1 :]:
                if was == now:
                    continue
                stored = any(p < later and vote == was for p, vote in proofs)
                one_line = self.own[at].line == self.own[later].line
                final = was in sent and votes[-1][1] != was
                if stored or one_line or final or any(p < later for p in newer):
                    return True
                if self.one_life(at, later):
                    return True
        return any(self._final(at, term) for at, c in votes if sent - {v for _, v in votes} - {c})

    def _final(self, at: int, term: int) -> bool:
        """Whether a newer term was stored after this vote, before it started anew."""
        for later, (t, _) in self.proofs:
            if later > at and t > term:
                between = self.own[at:later]
                return not any(isinstance(x, f.LinesLost) for x in between) and not any(
                    isinstance(x, f.Booted) and t2 <= term
                    for p, x in enumerate(between, at)
                    for q, (t2, _) in self.proofs
                    if q > p and q < later
                )
        return any(later > at and self._one_start(at, later) for later, t in self.cast if t > term)

    def _one_start(self, one: int, two: int) -> bool:
        return not any(isinstance(x, f.Booted | f.LinesLost) for x in self.own[one:two])
