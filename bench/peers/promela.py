"""Promela of the two scopes, unrolled for one size, as tight as we can write it.

Promela has no cheap way to say "for some acceptor": a loop would add states. So each pair of an
acceptor and a ballot is written as one option of a single `do`, and this module writes them.

What makes the text tight: only *who sent what* is stored. An acceptor's promise and vote, and what
its answers report, follow from it: having answered ballot b it never votes below b, so its latest
vote below b is the one that it reported. The fields are bit fields of their exact widths.
"""

from __future__ import annotations


def _majority(field: str, acceptors: int) -> str:
    """Whether the bits of a field are those of a majority: one shift of a constant."""
    table = sum(1 << bits for bits in range(1 << acceptors) if bits.bit_count() > acceptors // 2)
    if table >= 1 << 31:  # Promela has signed ints of 32 bits only
        table -= 1 << 32
    return f"(({table} >> ({field})) & 1)"


def _any(fields: list[str]) -> str:
    return "(" + " | ".join(fields) + ")" if fields else "0"


def _process(fields: list[tuple[str, int]], options: list[str]) -> str:
    lines = [f"unsigned {name} : {max(1, bits)};" for name, bits in fields]
    lines += ["", "active proctype all() {", "end:", "  do"]
    lines += [f"  :: d_step {{ {option} }}" for option in options]
    return "\n".join([*lines, "  od", "}", ""])


def counting(acceptors: int, proposers: int, rounds: int) -> str:
    """Single-decree Paxos, proposers as processes: `tests/counts/counting_scope.py`.

    Ballot b is round b / proposers + 1 of proposer b % proposers. Of each ballot: `s` who promised,
    `t` who accepted, `v` the value of its Accept (0: not sent; p + 1: proposer p's own). Of each
    proposer: `r` its round, `g` whose promises it has received in this round.
    """
    ballots = range(proposers * rounds)
    fields: list[tuple[str, int]] = []
    for b in ballots:
        fields += [(f"s{b}", acceptors), (f"t{b}", acceptors), (f"v{b}", proposers.bit_length())]
    for p in range(proposers):
        fields += [(f"r{p}", rounds.bit_length()), (f"g{p}", acceptors)]
    options = [f"r{p} < {rounds} -> r{p} = r{p} + 1; g{p} = 0" for p in range(proposers)]
    for b in ballots:
        p, number = b % proposers, b // proposers + 1
        above = [f"{x}{c}" for c in ballots if c > b for x in "st"]
        value = str(p + 1)
        for c in range(b):
            value = f"((g{p} & t{c}) -> v{c} : {value})"
        agree = " && ".join(
            f"(v{c} == v{b} || !{_majority(f't{c}', acceptors)})" for c in ballots if c != b
        )
        for a in range(acceptors):
            bit = 1 << a
            options.append(
                f"r{p} >= {number} && !({_any([f's{b}', f't{b}', *above])} & {bit}) -> "
                f"s{b} = s{b} | {bit}"
            )
            options.append(
                f"r{p} == {number} && !v{b} && (s{b} & ~g{p} & {bit}) -> g{p} = g{p} | {bit}; "
                f"if :: {_majority(f'g{p}', acceptors)} -> v{b} = {value}; g{p} = 0 :: else fi"
            )
            options.append(
                f"v{b} && !({_any([f't{b}', *above])} & {bit}) -> t{b} = t{b} | {bit}; "
                f"assert(!{_majority(f't{b}', acceptors)} || ({agree}))"
            )
    return _process(fields, options)


def lamport(acceptors: int, ballots: int, values: int) -> str:
    """Lamport's message-set specification of Paxos: `tests/counts/lamport_paxos.py`.

    Of each ballot: `m` whether its 1a was sent, `s` who sent 1b, `t` who sent 2b, `v` the value of
    its 2a (0: not sent).
    """
    fields: list[tuple[str, int]] = []
    for b in range(ballots):
        fields += [(f"m{b}", 1), (f"s{b}", acceptors), (f"t{b}", acceptors)]
        fields += [(f"v{b}", values.bit_length())]
    options = [f"!m{b} -> m{b} = 1" for b in range(ballots)]
    for b in range(ballots):
        above = [f"{x}{c}" for c in range(b + 1, ballots) for x in "st"]
        for a in range(acceptors):
            bit = 1 << a
            options.append(
                f"m{b} && !({_any([f's{b}', f't{b}', *above])} & {bit}) -> s{b} = s{b} | {bit}"
            )
            agree = " && ".join(
                f"(v{c} == v{b} || !{_majority(f't{c}', acceptors)})"
                for c in range(ballots)
                if c != b
            )
            options.append(
                f"v{b} && !({_any([f't{b}', *above])} & {bit}) -> t{b} = t{b} | {bit}; "
                f"assert(!{_majority(f't{b}', acceptors)} || ({agree}))"
            )
        for v in range(1, values + 1):
            # A majority answered b with no vote above c, and one of them with a vote for v in c.
            free = f"(s{b} & ~{_any([f't{d}' for d in range(b)])})" if b else f"s{b}"
            safe = [_majority(free, acceptors)]
            for c in range(b):
                later = [f"t{d}" for d in range(c + 1, b)]
                upto = f"(s{b} & ~{_any(later)})" if later else f"s{b}"
                safe.append(f"(v{c} == {v} && ({upto} & t{c}) && {_majority(upto, acceptors)})")
            options.append(f"!v{b} && ({' || '.join(safe)}) -> v{b} = {v}")
    return _process(fields, options)
