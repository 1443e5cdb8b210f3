"""The short way of an ordinary event against the long one: the same step, or no answer."""

import random
from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest

from paxcheck.loading import load_model
from paxcheck.protocol.execute import Act
from paxcheck.protocol.fields import durable
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.node import Node, action
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.matching import match
from paxcheck.trace.conform.ordinary import ordinary
from paxcheck.trace.events import Event
from paxcheck.trace.replay import Behavior, Frame
from paxcheck.trace.write import event_of

MODELS = ["", "single_server", "broadcast", "rounds", "majority", "synod"]
STEPS = 60


@cache
def protocol(model: str, network: str) -> Protocol:
    return Choosers(network=network) if model == "" else load_model(model).protocol(network=network)


class Asked(Message):
    x: int


class Chooser(Node):
    """It takes a message, or lets it pass; as it likes."""

    n: int = durable(0)

    @action
    def ask(self) -> None:
        if self.n < 3:
            self.n += self.choose([1, 2])
            self.broadcast(Asked(self.n))

    def on_asked(self, msg: Asked) -> None:
        if self.choose([False, True]):
            self.n = msg.x


class Choosers(Protocol):
    def nodes(self) -> list[Node]:
        return [Chooser("a"), Chooser("b")]


def damaged(event: Event, chance: random.Random) -> Event:
    """An event that says something else, or less."""
    how = chance.randrange(6)
    if how == 0:
        return msgspec.structs.replace(event, state=None)
    if how == 1:
        return msgspec.structs.replace(event, sent=None)
    if how == 2 and event.state:
        state = dict(event.state)
        state[chance.choice(sorted(state))] = chance.choice([None, 0, 1, "x", {}])
        return msgspec.structs.replace(event, state=state)
    if how == 3 and event.sent:
        return msgspec.structs.replace(event, sent=event.sent[:-1])
    if how == 4:
        return msgspec.structs.replace(event, choices=[])
    if event.message is not None:
        message: dict[str, Any] = dict(event.message)
        message[chance.choice(sorted(message))] = "x"
        return msgspec.structs.replace(event, message=message)
    return msgspec.structs.replace(event, action="nothing")


def compared(system: Handlers, world: World, event: Event, stutters: bool) -> str:
    """Compare the two; how they answered."""
    short, long = ordinary(system, world, event, stutters), match(system, world, event, stutters)
    if short is None:
        plain = isinstance(long, list) and len(long) == 1 and event.event in ("deliver", "act")
        done = long[0] if isinstance(long, list) and plain else None
        if done is not None and done.outcome is not None and done.outcome.error is None:
            # Only a message of which not all is known is looked for the long way.
            assert event.message is not None
            assert event.message.keys() < system.takes[event.node or ""][event.message["type"]] | {
                "type"
            }
        return "no answer"
    assert isinstance(long, list)
    assert [(t.step.trigger, t.world, t.outcome) for t in long] == [
        (short.step.trigger, short.world, short.outcome)
    ]
    assert long[0].step == short.step
    return "nothing" if short.world is world else "a step"


@pytest.mark.parametrize("network", ["set", "bag", "fifo"])
@pytest.mark.parametrize("model", MODELS)
def test_both_ways_give_the_same_step(model: str, network: str) -> None:
    system = Handlers(protocol(model, network))
    behavior = Behavior(system, ())
    answers: Counter[str] = Counter()
    for seed in range(3):
        chance, world = random.Random(seed), system.forgetful(system.initial())
        for _ in range(STEPS):
            steps = [t for t in system.successors(world) if t.world is not None and t.outcome]
            if not steps:
                break
            taken = chance.choice(steps)
            event = event_of(behavior, Frame(taken.step, world, taken.world, taken.outcome))
            for one in (event, damaged(event, chance), damaged(event, chance)):
                for stutters in (False, True):
                    answers[compared(system, world, one, stutters)] += 1
            answers.update(ignored(system, world, chance))
            assert taken.world is not None
            world = taken.world
    assert answers["a step"] > 0
    assert answers["no answer"] > 0


def ignored(system: Handlers, world: World, chance: random.Random) -> list[str]:
    """Compare also what a node is asked to do, and does not."""
    found: list[str] = []
    triggers: list[Envelope | Act] = [
        *[t for i in range(len(system.names)) for t in system.triggers(i) if isinstance(t, Act)],
        *system.net.deliverable(world.network),
    ]
    for trigger in chance.sample(triggers, min(3, len(triggers))):
        i = system.index[trigger.to if isinstance(trigger, Envelope) else trigger.node]
        for outcome in system.react(i, world.locals[i], trigger, system.asking(world)).outcomes:
            event = event_of(Behavior(system, ()), Frame(Step(trigger), world, world, outcome))
            for stutters in (False, True):
                found.append(compared(system, world, event, stutters))
    return found


@pytest.mark.parametrize("network", ["set", "bag", "fifo"])
def test_a_node_that_may_ignore_a_message_has_ignored_it(network: str) -> None:
    """The other choice is a step; this one is none, but in a channel that moves on."""
    system = Handlers(protocol("", network))
    world = system.forgetful(system.initial())
    first = next(t for t in system.successors(world) if t.outcome and t.outcome.choices == (1,))
    assert first.world is not None
    told = {"type": "Asked", "sender": "a", "x": 1}
    event = Event("deliver", node="b", message=told, sent=[], state={"n": 0})
    found = match(system, first.world, event, True)
    assert isinstance(found, list)
    assert [t.outcome.choices for t in found if t.outcome] == [(False,)]
    assert (found[0].world is first.world) == (network != "fifo")
    assert isinstance(match(system, first.world, event, False), list) == (network == "fifo")
    open_ = match(system, first.world, msgspec.structs.replace(event, state=None), True)
    assert isinstance(open_, list)
    assert sorted([t.outcome.choices for t in open_ if t.outcome]) == [(False,), (True,)]
