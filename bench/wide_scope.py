"""The counting scope, and a node that sends the acceptors `width` messages that change nothing.

The states are those of the counting scope, twice (the node has spoken or not); only the set of
messages under way gets wider: by `acceptors` x `width` deliveries.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "counts"))

from counting_scope import Acceptor, CountingScope

from paxcheck import Message, Node, action, constant, durable, param


class Noise(Message):
    number: int


class Deaf(Acceptor):
    def on_noise(self, msg: Noise) -> None:
        pass


class Speaker(Node):
    width: int = constant()
    listeners: tuple[str, ...] = constant()
    spoken: bool = durable(False)

    @action
    def speak(self) -> None:
        if not self.spoken:
            self.spoken = True
            for number in range(self.width):
                for name in self.listeners:
                    self.send(name, Noise(number))


class WideScope(CountingScope):
    width: int = param(0, "messages for each acceptor that it ignores")

    def nodes(self) -> list[Node]:
        nodes = super().nodes()
        deaf = [Deaf(n.name) if isinstance(n, Acceptor) else n for n in nodes]
        names = tuple([n.name for n in nodes if isinstance(n, Acceptor)])
        return [*deaf, Speaker("s1", width=self.width, listeners=names)]
