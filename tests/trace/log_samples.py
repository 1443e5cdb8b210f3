"""Small right logs in every format, written here by hand: what the attacks on adapters start from.

Each is accepted by the validator (a test says so), and has the kinds of lines that its adapter
reads.
"""

import json
from typing import Any

Json = dict[str, Any]


def lines(items: list[Json]) -> bytes:
    return "".join([json.dumps(item) + "\n" for item in items]).encode()


def _composable() -> list[Json]:
    one, seq = {"n": 1, "by": "A1"}, iter(range(99))

    def state(promised: Any, accepted: Any) -> Json:
        value = None if accepted is None else "v"
        return {"promised": promised, "accepted": accepted, "accepted_value": value}

    def line(ev: str, node: str, held: Json, **more: Any) -> Json:
        at = {"seq": next(seq), "ev": ev, "node": node, "inc": 1, "slot": 0}
        return {**at, **more, "state": held}

    def message(kind: str, who: str) -> Json:
        msg: Json = {"type": kind, "from_uid": who, "proposal_id": one}
        if kind == "promise":
            msg |= {"last_accepted_id": None, "last_accepted_value": None}
        elif kind != "prepare":
            msg["proposal_value"] = "v"
        return msg

    free, promised, voted = state(None, None), state(one, None), state(one, one)
    return [
        {"meta": {}, "nodes": ["A1", "A2", "A3"], "quorum": 2},
        line("propose", "A1", free, value="v"),
        line("send", "A1", free, to="A2", mid=1, msg=message("prepare", "A1")),
        line("recv", "A2", free, frm="A1", mid=1, msg=message("prepare", "A1")),
        line("send", "A2", promised, to="A1", mid=2, msg=message("promise", "A2")),
        line("send", "A1", promised, to="A1", mid=3, msg=message("promise", "A1")),
        line("recv", "A1", promised, frm="A1", mid=3, msg=message("promise", "A1")),
        line("recv", "A1", promised, frm="A2", mid=2, msg=message("promise", "A2")),
        line("send", "A1", promised, to="A2", mid=4, msg=message("accept", "A1")),
        line("send", "A2", voted, to="A1", mid=5, msg=message("accepted", "A2")),
        line("send", "A1", voted, to="A1", mid=6, msg=message("accepted", "A1")),
        line("recv", "A1", voted, frm="A1", mid=6, msg=message("accepted", "A1")),
        line("recv", "A1", voted, frm="A2", mid=5, msg=message("accepted", "A2")),
        line("decide", "A1", voted, value="v", proposal=one),
        line("crash", "A2", {}),
        line("restart", "A2", {}),
    ]


def _pypi() -> list[Json]:
    seq = iter(range(99))
    asked = {"n": 1, "pid": 0, "instance": 1, "value": "v"}
    free = {"promised": -1, "accepted": -1, "accepted_value": None}
    promised = {**free, "promised": 1}
    voted = {"promised": 1, "accepted": 1, "accepted_value": "v"}

    def line(ev: str, node: str, kind: str, state: Json | None, **more: Any) -> Json:
        msg: Json = {"type": kind, "source": more.get("frm", node), "proposal": asked}
        if kind == "promise":
            msg["prev_accepted"] = None
        at = {"seq": next(seq), "ev": ev, "node": node, "instance": 1}
        return {**at, **more, "msg": msg, "state": state}

    return [
        {
            "meta": {},
            "proposers": ["P0"],
            "acceptors": ["A1", "A2", "A3"],
            "learners": ["L1"],
        },
        line("send", "P0", "prepare", {"rounds": {}}, to="A1", mid=1),
        line("recv", "A1", "prepare", free, frm="P0", mid=1),
        line("send", "A1", "promise", promised, to="P0", mid=2),
        line("send", "A2", "promise", promised, to="P0", mid=3),
        line("recv", "P0", "promise", {"rounds": {}}, frm="A1", mid=2),
        line("recv", "P0", "promise", {"rounds": {}}, frm="A2", mid=3),
        line("send", "P0", "accept", {"rounds": {}}, to="A1", mid=4),
        line("send", "A1", "accepted", voted, to="L1", mid=5),
        line("send", "A2", "accepted", voted, to="L1", mid=6),
        line("recv", "L1", "accepted", None, frm="A1", mid=5),
        line("recv", "L1", "accepted", None, frm="A2", mid=6),
        {"seq": next(seq), "ev": "decide", "node": "L1", "instance": 1, "value": "v"},
    ]


def _paxi() -> list[Json]:
    seq, ballot = iter(range(99)), "1.1.1"
    log = [{"ballot": ballot, "commit": False, "slot": 0, "value": "v"}]

    def line(ev: str, node: str, held: list[Json], **more: Any) -> Json:
        state = {"active": False, "ballot": ballot, "execute": 0, "log": held, "slot": 0}
        return {"ev": ev, "node": node, "seq": next(seq), "state": state, **more}

    def message(kind: str, **more: Any) -> Json:
        return {"ballot": ballot, "type": kind, **more}

    promise, accept = message("promise", accepted=[]), message("accept", slot=0, value="v")
    accepted, decide = message("accepted", slot=0), message("decide", slot=0, value="v")
    return [
        {"meta": {"nodes": ["1.1", "1.2", "1.3"]}},
        line("request", "1.1", [], msg={"type": "request", "value": "v"}),
        line("send", "1.1", [], to="1.2", mid=1, msg=message("prepare")),
        line("recv", "1.2", [], mid=1, msg=message("prepare"), **{"from": "1.1"}),
        line("send", "1.2", [], to="1.1", mid=2, msg=promise),
        line("recv", "1.1", [], mid=2, msg=promise, **{"from": "1.2"}),
        line("send", "1.1", log, to="1.2", mid=3, msg=accept),
        line("send", "1.2", log, to="1.1", mid=4, msg=accepted),
        line("recv", "1.1", log, mid=4, msg=accepted, **{"from": "1.2"}),
        line("send", "1.1", log, to="1.2", mid=5, msg=decide),
        line("execute", "1.1", log, slot=0, value="v"),
    ]


def _multi_paxos() -> list[Json]:
    seqs = {"A": iter(range(99)), "B": iter(range(99))}
    clock = iter(range(10**9, 2 * 10**9, 10**6))
    one = {"n": 1, "by": "A"}
    free = {
        "instance": 0,
        "promised": None,
        "accepted": None,
        "accepted_value": None,
        "proposal": None,
        "leader": False,
        "master": None,
        "disk_promised": None,
    }
    held = {**free, "promised": one, "disk_promised": one}
    voted = {**held, "accepted": one, "accepted_value": '["A", null]'}

    def line(ev: str, node: str, state: Json | None, **more: Any) -> Json:
        at = {"t_ns": next(clock), "node": node, "inc": 1, "seq": next(seqs[node]), "ev": ev}
        return {**at, **more, "state": state}

    def message(kind: str) -> Json:
        msg: Json = {"instance_number": 0, "proposal_id": [1, "A"]}
        if kind == "promise":
            msg |= {"last_accepted_id": None, "last_accepted_value": None}
        elif kind != "prepare":
            msg["proposal_value"] = '["A", null]'
        return {"type": kind, "msg": msg}

    return [
        line("boot", "A", None),
        line("lease", "A", None, holder=None, until_ns=2 * 10**9),
        line("loaded", "A", free),
        line("boot", "B", None),
        line("send", "A", free, to="A", mid="A.1.1", **message("prepare")),
        line("send", "A", free, to="B", mid="A.1.2", **message("prepare")),
        line("recv", "A", free, frm="A", mid="A.1.1", **message("prepare")),
        line("send", "A", held, to="A", mid="A.1.3", **message("promise")),
        line("recv", "A", held, frm="A", mid="A.1.3", **message("promise")),
        line("recv", "B", free, frm="A", mid="A.1.2", **message("prepare")),
        line("send", "B", held, to="A", mid="B.1.1", **message("promise")),
        line("recv", "A", held, frm="B", mid="B.1.1", **message("promise")),
        line("send", "A", held, to="A", mid="A.1.4", **message("accept")),
        line("send", "A", held, to="B", mid="A.1.5", **message("accept")),
        line("send", "B", voted, to="A", mid="B.1.2", **message("accepted")),
        line("send", "A", voted, to="A", mid="A.1.6", **message("accepted")),
        line("recv", "A", voted, frm="A", mid="A.1.6", **message("accepted")),
        line("recv", "A", voted, frm="B", mid="B.1.2", **message("accepted")),
        line("decide", "A", voted, instance=0, value='["A", null]', was=None),
        line("lease", "A", voted, holder="A", until_ns=4 * 10**9),
        line("lease_expired", "A", voted, holder="A"),
        line("stop", "A", None),
    ]


def _etcd_raft() -> list[Json]:
    def event(name: str, nid: str, term: int, vote: str, **more: Any) -> Json:
        held = {"term": term, "vote": vote, "commit": more.pop("commit", 0)}
        roles = {"BecomeCandidate": "StateCandidate", "BecomeFollower": "StateFollower"}
        told: Json = {
            "name": name,
            "nid": nid,
            "state": held,
            "role": roles.get(name, "StateLeader"),
            "log": more.pop("log", 0),
            "conf": [["1", "2"], []],
            **more,
        }
        return {"event": told, "tag": "trace", "ts": 1.5}

    def message(kind: str, sender: str, to: str, index: int = 0) -> Json:
        ends = {"from": sender, "to": to, "term": 1, "index": index}
        return {"type": kind, **ends, "entries": 0, "commit": 0, "reject": False}

    def driver(name: str, nid: str, **more: Any) -> Json:
        return {"event": {"name": name, "nid": nid, **more}, "tag": "sim", "ts": 1.5}

    entry = {"index": 1, "term": 1, "sha": "aa", "type": "EntryNormal"}
    told: list[Json] = [event("InitState", n, 0, "0") for n in "12"]
    told += [event("BecomeFollower", n, 0, "0") for n in "12"]
    vote, got = "MsgVoteResp", "MsgAppResp"
    ask, done = "SendRequestVoteResponse", "ReceiveRequestVoteResponse"
    acked, heard = "SendAppendEntriesResponse", "ReceiveAppendEntriesResponse"
    return [
        *told,
        event("BecomeCandidate", "1", 1, "1"),
        event(ask, "1", 1, "1", msg=message(vote, "1", "1")),
        event(done, "1", 1, "1", msg=message(vote, "1", "1")),
        event(ask, "2", 1, "0", msg=message(vote, "2", "1")),
        event(done, "1", 1, "1", msg=message(vote, "2", "1")),
        event("BecomeLeader", "1", 1, "1"),
        event(acked, "1", 1, "1", msg=message(got, "1", "1", 1), log=1),
        driver("Persist", "1", entries=[entry]),
        event(heard, "1", 1, "1", msg=message(got, "1", "1", 1), log=1),
        driver("Persist", "2", entries=[entry]),
        event(acked, "2", 1, "1", msg=message(got, "2", "1", 1), log=1),
        event(heard, "1", 1, "1", msg=message(got, "2", "1", 1), log=1),
        event("Commit", "1", 1, "1", commit=1, log=1),
        driver("Apply", "1", **entry),
        driver("InstallSnapshot", "2", index=1, term=1),
        driver("Crash", "2", amnesia=False),
    ]


def _etcd_wal() -> list[Json]:
    def entry(node: str, index: int, sha: str) -> Json:
        return {"node": node, "rec": "entry", "term": 1, "index": index, "sha": sha}

    def hard(node: str, vote: str) -> Json:
        return {"node": node, "rec": "hardstate", "term": 1, "vote": vote, "commit": 0}

    head = [{"node": "n1", "seq": 1, "rec": "metadata", "nodeID": "1"}]
    body: list[Json] = []
    for node in ("n1", "n2"):
        body += [hard(node, "1"), entry(node, 1, "a"), entry(node, 2, "b")]
    return head + body


def _etcd_log() -> list[Json]:
    one, two = "a1", "b2"
    say = [
        f"{one} became follower at term 0",
        f"newRaft {one} [peers: [], term: 0, commit: 0, applied: 0, lastindex: 0, lastterm: 0]",
        f"{one} switched to configuration voters=(161 178)",
        f"{one} became candidate at term 1",
        f"{one} [logterm: 0, index: 0] sent MsgVote request to {two} at term 1",
        f"{one} received MsgVoteResp from {one} at term 1",
        f"{one} received MsgVoteResp rejection from {two} at term 1",
        f"{one} received MsgVoteResp from {two} at term 1",
        f"{one} became leader at term 1",
        f"{two} [logterm: 0, index: 0, vote: 0] cast MsgVote for {one} [logterm: 0] at term 1",
    ]
    at = {"level": "info", "ts": "2026-11-23T19:13:45.932Z"}
    start = {**at, "caller": "embed/etcd.go:127", "msg": "starting an etcd server"}
    member = {**at, "caller": "etcdserver/raft.go:536", "msg": "starting local member"}
    member["local-member-id"] = one
    return [start, member, *[{**at, "caller": "raft/raft.go:1", "msg": text} for text in say]]


def _ccf() -> list[Json]:
    def line(what: str, node: str, term: int, commit: int = 0, **more: Any) -> Json:
        state = {"current_view": term, "commit_idx": commit, "last_idx": 0}
        msg = {"event": {"component": "raft", "function": what}, "node": node, "state": state}
        return {"tag": "tla", "msg": {**msg, "leadership": "Leader", **more}}

    voters = {"idx": 0, "nodes": {"0": {}, "1": {}}}
    vote = {"msg": 4, "term": 1, "vote_granted": True}
    acked = {"msg": 1, "term": 1, "success": 0, "last_log_idx": 1}
    return [
        line("add_configuration", "0", 0, configurations=[voters]),
        line("become_candidate", "0", 1),
        line("become_follower", "1", 1),
        line("send_request_vote_response", "1", 1, to="0", paket=vote),
        line("recv_request_vote_response", "0", 1, **{"from": "1"}, paket=vote),
        line("become_leader", "0", 1),
        line("recv_append_entries_response", "0", 1, **{"from": "1"}, paket=acked),
        line("commit", "0", 1, 1),
    ]


def _pysyncobj() -> list[Json]:
    seqs = {"n1": iter(range(99)), "n2": iter(range(99))}

    def line(ev: str, node: str, role: str, now: int, **more: Any) -> Json:
        held = {"role": role, "term": now, "voted_for": "n1", "commit": 0, "leader": None}
        held["commit"] = more.pop("at", 1)
        seq = next(seqs[node])
        return {"t_ns": seq, "node": node, "inc": 1, "seq": seq, "ev": ev, **more, "state": held}

    def message(kind: str, **more: Any) -> Json:
        return {"type": kind, "term": 1, "_mid": kind, **more}

    won = message("response_vote")
    match = message("next_node_idx", next_node_idx=3, success=True, reset=False)
    entry = {"len": 3, "sha": "aa", "noop": False}
    return [
        {"t_ns": 0, "node": "n1", "inc": 1, "seq": next(seqs["n1"]), "ev": "boot", "state": None},
        line("set_term_vote", "n1", "candidate", 1, term=1, vote="n1"),
        line("set_state", "n1", "candidate", 1, old=0, new=1),
        line("send", "n1", "candidate", 1, peer="n2", msg=message("request_vote")),
        line("set_term_vote", "n2", "follower", 1, term=1, vote="n1"),
        line("send", "n2", "follower", 1, peer="n1", msg=won),
        line("recv", "n1", "candidate", 1, peer="n2", msg=won),
        line("set_state", "n1", "leader", 1, old=1, new=2),
        line("log_append", "n1", "leader", 1, index=2, term=1, sha="aa"),
        line("log_append", "n2", "follower", 1, index=2, term=1, sha="aa"),
        line("send", "n2", "follower", 1, peer="n1", msg=match),
        line("recv", "n1", "leader", 1, peer="n2", msg=match),
        line("commit", "n1", "leader", 1, index=2, entry=entry, at=2),
        line("apply", "n1", "leader", 1, index=2, entry=entry, at=2),
        {**line("log_truncate", "n2", "follower", 1), "from": 3},
    ]


def _maelstrom() -> list[Json]:
    def line(ev: str, mid: int, src: str, dest: str, **body: Any) -> Json:
        end = {"body": body} if ev == "send" else {}
        return {"t_ns": mid, "ev": ev, "mid": mid, "src": src, "dest": dest, **end}

    ask = {"term": 1, "candidate_id": "n0", "last_log_index": 1, "last_log_term": 0, "msg_id": 0}
    append: Json = {"term": 1, "leader_id": "n0", "prev_log_index": 1, "prev_log_term": 0}
    append |= {"entries": [], "leader_commit": 0, "msg_id": 1}
    return [
        line("send", 1, "c0", "n0", type="init", msg_id=1, node_id="n0", node_ids=["n0", "n1"]),
        line("send", 2, "n0", "n1", type="request_vote", **ask),
        line("recv", 2, "n0", "n1"),
        line("send", 3, "n1", "n0", type="request_vote_res", term=1, vote_granted=True),
        line("recv", 3, "n1", "n0"),
        line("send", 4, "n0", "n1", type="append_entries", **append),
        line("send", 5, "n1", "n0", type="append_entries_res", term=1, success=True, in_reply_to=1),
        line("drop", 5, "n1", "n0"),
    ]


def _native() -> list[Json]:
    seq = {"a": iter(range(1, 99)), "b": iter(range(1, 99))}

    def line(event: str, node: str, **more: Any) -> Json:
        return {"event": event, "node": node, "inc": 1, "seq": next(seq[node]), **more}

    vote = {"ballot": [1, "a"], "value": "v"}
    promise = {"type": "promise", "ballot": [1, "a"], "votes": [], "slot": 1}
    accepted = {"type": "accepted", **vote, "slot": 1}
    return [
        {"paxcheck": 1, "kind": "log", "family": ["paxos", "raft", "lease"], "members": ["a", "b"]},
        line("boot", "a", first=True),
        line("boot", "b", first=True, state={"slot": 1, "promised": None, "vote": None}),
        line(
            "send", "a", to="b", mid=1, message={"type": "prepare", "ballot": [1, "a"], "slot": 1}
        ),
        line("send", "b", to="a", mid=2, message=promise),
        line("receive", "a", sender="b", mid=2, message=promise),
        line("send", "a", to=["b"], mid=3, message={"type": "accept", **vote, "slot": 1}),
        line("send", "b", to="a", mid=4, message=accepted, state={"slot": 1, "vote": vote}),
        line("receive", "a", sender="b", mid=4, message=accepted),
        line("decide", "a", value="v", slot=1, ballot=[1, "a"]),
        line("campaign", "b", term=1, state={"term": 1, "voted_for": "b", "role": "candidate"}),
        line("grant", "a", term=1, candidate="b"),
        line("receive", "b", sender="a", message={"type": "vote", "term": 1}),
        line("lead", "b", term=1, last_index=0),
        line("write", "b", index=1, term=1, digest="x"),
        line("receive", "b", sender="a", message={"type": "appended", "term": 1, "index": 1}),
        line("commit", "b", index=1, leader=True),
        line("apply", "b", index=1, digest="x", term=1),
        line("lease", "b", holder="b", until=2.5, time=1.5),
        line("truncate", "a", index=3),
        line("crash", "b"),
    ]


def _states() -> list[Json]:
    def state(messages: list[Json], ballots: list[int], votes: list[int]) -> Json:
        names = ["a1", "a2", "a3"]
        return {
            "msgs": messages,
            "maxBal": dict(zip(names, ballots, strict=True)),
            "maxVBal": dict(zip(names, votes, strict=True)),
            "maxVal": {n: "None" if v < 0 else "v" for n, v in zip(names, votes, strict=True)},
        }

    sent: list[Json] = [{"type": "1a", "bal": 0}]
    sent += [{"type": "1b", "acc": a, "bal": 0, "mbal": -1, "mval": "None"} for a in ("a1", "a2")]
    sent += [{"type": "2a", "bal": 0, "val": "v"}]
    sent += [{"type": "2b", "acc": a, "bal": 0, "val": "v"} for a in ("a1", "a2")]
    return [
        state([], [-1, -1, -1], [-1, -1, -1]),
        state(sent[:1], [-1, -1, -1], [-1, -1, -1]),
        state(sent[:2], [0, -1, -1], [-1, -1, -1]),
        state(sent[:3], [0, 0, -1], [-1, -1, -1]),
        state(sent[:4], [0, 0, -1], [-1, -1, -1]),
        state(sent[:5], [0, 0, -1], [0, -1, -1]),
        state(sent[:6], [0, 0, -1], [0, 0, -1]),
    ]


def _tlc() -> bytes:
    states = [[n, state] for n, state in enumerate(_states(), 1)]
    return json.dumps({"counterexample": {"state": states, "action": []}}).encode()


def _itf() -> bytes:
    def sets(state: Json) -> Json:
        maps = {
            k: {"#map": [[a, b] for a, b in v.items()]} for k, v in state.items() if k != "msgs"
        }
        return {**maps, "msgs": {"#set": state["msgs"]}}

    names = ["msgs", "maxBal", "maxVBal", "maxVal"]
    whole = {"#meta": {}, "vars": names, "states": [sets(s) for s in _states()]}
    return json.dumps(whole).encode()


def _facts() -> list[Json]:
    declaration = {"name": "mine", "family": ["paxos", "raft"]}
    members = {"sets": [["a", "b"]]}
    return [
        {"paxcheck": 1, "kind": "facts", "declaration": declaration},
        {"fact": "Members", "node": "", "line": 1, "members": members},
        {"fact": "VoteCast", "node": "a", "line": 2, "ballot": 1, "value": "v"},
        {"fact": "VoteCast", "node": "b", "line": 3, "ballot": 1, "value": "v"},
        {"fact": "Decided", "node": "a", "line": 4, "value": "v", "ballot": 1},
        {"fact": "TermHeld", "node": "a", "line": 5, "term": 1},
        {"fact": "TermHeld", "node": "a", "line": 6, "term": 2},
    ]


_AT = "2026-11-23T19:15:25.{:03d}+0000 7fd5820cd640 10 "
_ENDS = "-- [v2:127.0.0.1:1/0] "
_CEPH = [
    "mon.a@-1(???).paxos(paxos recovering c 0..0) init last_pn: 0 accepted_pn: 0 "
    "last_committed: 0 first_committed: 0",
    "mon.a@-1(probing) e0 monmap e0: 3 mons at {a=v2:127.0.0.1:1/0,b=v2,c=v2} removed_ranks: {}",
    "mon.a@0(leader).paxos(paxos recovering c 0..0) collect with pn 100",
    _ENDS + "--> [v2:127.0.0.1:2/0] -- paxos(collect lc 0 fc 0 pn 100 opn 0) v4 -- 0x7f con 0x5",
    _ENDS + "<== mon.1 v2:127.0.0.1:2/0 5 ==== paxos(last lc 0 fc 0 pn 100 opn 0) v4 ==== 84",
    "mon.a@0(leader).paxos(paxos updating c 0..0) begin for 1 500 bytes",
    _ENDS + "--> [v2:127.0.0.1:2/0] -- paxos(begin lc 0 fc 0 pn 100 opn 0) v4 -- 0x7f con 0x5",
    _ENDS + "<== mon.1 v2:127.0.0.1:2/0 7 ==== paxos(accept lc 0 fc 0 pn 100 opn 0) v4 ==== 84",
    "mon.a@0(leader).paxos(paxos updating c 0..0) commit_start 1",
    "mon.a@0(leader).paxos(paxos refresh c 0..1) extend_lease now+2 "
    "(2026-11-23T19:15:34.133324+0000)",
    "mon.a@0(leader).paxos(paxos active c 0..1) restart -- canceling timeouts",
]

SAMPLES: dict[str, bytes] = {
    "native": lines(_native()),
    "facts": lines(_facts()),
    "etcd-log": lines(_etcd_log()),
    "maelstrom": lines(_maelstrom()),
    "etcd-raft": lines(_etcd_raft()),
    "etcd-wal": lines(_etcd_wal()),
    "ccf": lines(_ccf()),
    "ceph-mon": "".join([_AT.format(n) + t + "\n" for n, t in enumerate(_CEPH)]).encode(),
    "pysyncobj": lines(_pysyncobj()),
    "paxos-composable": lines(_composable()),
    "paxos-pypi": lines(_pypi()),
    "multi-paxos-example": lines(_multi_paxos()),
    "paxi": lines(_paxi()),
    "tlc-json": _tlc(),
    "itf": _itf(),
}
