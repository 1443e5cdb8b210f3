"""Synod with amnesia: a promise that is kept in memory only is no promise.

The proof of Synod leans on one sentence: what an acceptor has promised stays promised. Code that
keeps the promise in memory, or writes it to disk a little later ("we sync once a second"), breaks
the sentence at every restart. Nothing is wrong in the messages, the quorums or the ballots; the
acceptor simply does not remember.

Two ways to forget are here:

- the default: only the promise is in memory, the vote is on disk, and one acceptor restarts;
- `lost-disk`: everything is on disk, and one disk is lost (or restored from a backup).

Without the restart the same code is safe: the scope `no-crash` holds. So a test that never
restarts a server cannot find this.

Try: paxcheck check synod_amnesia, then: paxcheck check synod --fault crash=1
"""

from paxcheck import Node, Scope, param, volatile
from paxcheck.paxos import Ballot
from synod import Acceptor, Synod


class ForgetfulAcceptor(Acceptor):
    """One word is different from Synod: `promised` is volatile."""

    promised: Ballot | None = volatile(None)


class SynodAmnesia(Synod):
    promise_on_disk: bool = param(False, "whether the promise survives a crash")

    scopes = {
        "default": Scope("the promise is in memory, one crash", faults={"crash": 1}),
        "no-crash": Scope("the promise is in memory, nobody crashes"),
        "on-disk": Scope(
            "the promise is on disk, one crash", faults={"crash": 1}, promise_on_disk=True
        ),
        "lost-disk": Scope("one disk is lost", faults={"amnesia": 1}, promise_on_disk=True),
        "torn": Scope("one last write is lost", faults={"torn": 1}, promise_on_disk=True),
    }

    def acceptor(self, name: str, learners: tuple[str, ...]) -> Node:
        kind = Acceptor if self.promise_on_disk else ForgetfulAcceptor
        return kind(name, learners=learners)
