"""A gateway whose stores and whose log can be switched off, while acts go by another."""

import dataclasses
from collections import Counter
from typing import Any

from loaders.bundle import LoaderStores
from loaders.errors import Unavailable
from realtime.last_known import LastKnown
from realtime.remembered import Remembered
from realtime.tail import Tail
from tests.answers import Answer
from tests.world import World


class Switched:
    """Stands before a port that somebody may switch off; `asked` counts calls that found it so, `calls` all by name."""

    def __init__(self, port: object) -> None:
        self.is_away = False
        self.asked = 0
        self.calls: Counter[str] = Counter()
        self._port = port

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: object) -> object:
            self.calls[name] += 1
            if self.is_away:
                self.asked += 1
                raise Unavailable("The stores do not answer", retry_after_s=1.0)
            return await getattr(self._port, name)(*arguments)

        return call


class CutOff(World):
    """A world seen by a gateway that can be cut off from the stores and from the log, while all else goes on."""

    async def open(self, **changes: object) -> None:
        await super().open(**changes)
        services = self.services
        home, loaders = services.home, services.loader_stores
        self.stores = [Switched(port) for port in (loaders.users, loaders.tweets, loaders.graph)]
        self.lists, self.hearing = Switched(home.timelines), Switched(self.log)
        users, tweets, graph = [*self.stores]
        remembered = Remembered(home.tweets, home.graph, lambda: self.now_s)
        known = LastKnown(remembered)
        self._at = self.hub.place()
        self.tail = Tail(self.hearing, self._place, remembered)
        self._remembered = remembered
        # Acts go by another gateway.
        self.cut = dataclasses.replace(
            services,
            home=dataclasses.replace(home, tweets=tweets, graph=graph, timelines=self.lists, known=known),
            loader_stores=LoaderStores(users, tweets, graph, known),
        )

    def _place(self) -> tuple[int, ...]:
        return self._at

    async def look(self) -> None:
        """Hear from the log, as a gateway does twice a second."""
        began_s = self.now_s
        try:
            await self.tail.look()
        except Unavailable:
            return
        self._remembered.heard(began_s)

    async def cut_off(self) -> None:
        """Have the stores answer no more."""
        await self.drained()
        self._at = self.hub.place()
        await self.look()
        for store in self.stores:
            store.is_away = True

    async def answered(self, document: str = "HomeTimeline", viewer: str = "bob", **variables: Any) -> Answer:
        """Ask this gateway: for bob's page, if nothing else is said."""
        others, self.services = self.services, self.cut
        try:
            return await self.run(document, viewer, **(variables or {"first": 100}))
        finally:
            self.services = others

    async def seen(self, size: int = 100) -> tuple[list[str], bool]:
        """Return what bob's page shows, and whether it says that it is complete."""
        page = (await self.answered(first=size)).value
        return [edge["node"]["text"] for edge in page["edges"]], page["complete"]
