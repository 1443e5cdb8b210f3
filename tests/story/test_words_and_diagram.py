"""A run with every kind of step, as it is told and as it is drawn."""

from paxcheck.protocol import Message, Node, Protocol, System, action, durable, rule, volatile
from paxcheck.story.spacetime import space_time
from paxcheck.story.words import as_text, tell
from paxcheck.trace.replay import Behavior, replay


class Ask(Message):
    ballot: int


class Answer(Message):
    ballot: int
    ok: bool


class Proposer(Node):
    ballot: int = durable(0, corrupt=(7,))
    answers: set[str] = volatile(set())

    @action
    def start_round(self) -> None:
        self.ballot += self.choose([1, 2])
        self.broadcast(Ask(self.ballot))

    def on_answer(self, msg: Answer) -> None:
        self.answers.add(msg.sender)
        if len(self.answers) > 1:
            raise ValueError("one too many")


class Acceptor(Node):
    promised: int = durable(0)

    @rule
    def keeps_promise(self, ballot: int) -> bool:
        """A promise never goes back."""
        return ballot > self.promised

    def on_ask(self, msg: Ask) -> None:
        if self.keeps_promise(msg.ballot):
            self.promised = msg.ballot
            self.send(msg.sender, Answer(msg.ballot, True))


class Small(Protocol):
    """One proposer, two acceptors."""

    network = "bag"

    def nodes(self) -> list[Node]:
        return [Proposer("p"), Acceptor("a"), Acceptor("b")]


FAULTS = dict.fromkeys(
    ("crash", "stop", "amnesia", "torn", "corrupt", "loss", "duplicate", "partition"), 1
)

# Each step by what its text holds; the first such successor is taken.
SCRIPT = [
    "start_round/1",
    "duplicate Ask a",
    "deliver Ask a",
    "deliver Ask a",
    "deliver Answer p",
    "partition b",
    "crash p",
    "heal",
    "torn a",
    "corrupt p",
    "amnesia p",
    "start_round/0",
    "loss Ask a",
    "deliver Ask b",
    "deliver Answer p",
    "stop b",
    "deliver Answer p",
]


def name_of(step: object) -> str:
    trigger, branch = step.trigger, step.branch  # type: ignore[attr-defined]
    if hasattr(trigger, "action"):
        return f"{trigger.action}/{branch}"
    if hasattr(trigger, "node"):
        return f"{trigger.kind} {trigger.node}"
    if hasattr(trigger, "message"):
        return f"deliver {type(trigger.message).__name__} {trigger.to}"
    if trigger.envelope is not None:
        return f"{trigger.kind} {type(trigger.envelope.message).__name__} {trigger.envelope.to}"
    return f"{trigger.kind} {','.join(sorted(trigger.side))}" if trigger.side else trigger.kind


def run() -> Behavior:
    protocol = Small(faults=FAULTS, without=["keeps_promise"])
    system = System(protocol)
    world = system.initial()
    steps = []
    for wanted in SCRIPT:
        found = {name_of(t.step): t for t in reversed(list(system.successors(world)))}
        assert wanted in found, (wanted, sorted(found))
        steps.append(found[wanted].step)
        if found[wanted].world is None:
            break
        world = found[wanted].world
    return replay(protocol, steps)


def test_words() -> None:
    text = as_text(tell(run()))
    assert text == WORDS


def test_diagram() -> None:
    text = space_time(run())
    assert text == DIAGRAM


WORDS = """\
   1. p: start round (chooses 2)
        ballot: 0 → 2
        sends Ask(ballot 2) to a, b
   2. the network doubles Ask(ballot 2) from p to a
   3. a takes Ask(ballot 2) from p
        promised: 0 → 2
        sends Answer(ballot 2, ok True) to p
   4. a takes Ask(ballot 2) from p
        sends Answer(ballot 2, ok True) to p
        rule keeps_promise would have said no here, but it is switched off
   5. p takes Answer(ballot 2, ok True) from a
        answers: {} → {a}
   6. the network cuts off b
   7. p crashes and restarts
        answers: {a} → {}
   8. the network heals: all nodes hear each other again
   9. a crashes and restarts; its last write is lost
        promised: 2 → 0
  10. p finds another value on its disk
        ballot: 2 → 7
  11. p crashes and restarts with an empty disk
        ballot: 7 → 0
  12. p: start round (chooses 1)
        ballot: 0 → 1
        sends Ask(ballot 1) to a, b
  13. the network loses Ask(ballot 1) from p to a
  14. b takes Ask(ballot 1) from p
        promised: 0 → 1
        sends Answer(ballot 1, ok True) to p
  15. p takes Answer(ballot 2, ok True) from a
        answers: {} → {a}
  16. b stops for ever
  17. p takes Answer(ballot 1, ok True) from b
        raises ValueError: one too many
          tests/story/test_words_and_diagram.py:30 in on_answer: raise ValueError("one too many")"""

DIAGRAM = """\
      p          a          b
   1  ●          │          │  p: start round
   2  │          │          │  network: duplicate Ask to a
   3  ○───Ask───▶●          │  Ask 2  (sent in 1)
   4  ○───Ask───▶●          │  Ask 2  (sent in 1)
   5  ●◀Answer───○          │  Answer 2 True  (sent in 3)
   6  │          │          │  network: partition b | the others
   7  ✗          │          │  p: crashes, restarts
   8  │          │          │  network: heal
   9  │          ✗          │  a: restarts, last write lost
  10  ✎          │          │  p: another value on disk
  11  ✗          │          │  p: restarts with an empty disk
  12  ●          │          │  p: start round
  13  │          │          │  network: loss Ask to a
  14  ○────────Ask─────────▶●  Ask 1  (sent in 12)
  15  ●◀Answer───○          │  Answer 2 True  (sent in 3)
  16  │          │          ■  b: stops for ever
  17  ●◀──────Answer────────○  Answer 1 True  (sent in 14)"""
