"""Which tests wait for each other where several workers run them."""

from xdist.scheduler import LoadScopeScheduling

SERVERS = ("tests/browser/", "tests/clients/", "tests/process/")
"""What starts servers and browsers, and would slow down what another worker has started."""


class ServersInTurn(LoadScopeScheduling):
    """Give all that starts servers to one worker, and any other test to the next that is free.

    By folder: xdist hands its own marks of groups on in the ids of tests, which pytest 9.2 no
    longer lets it change.
    """

    def _split_scope(self, nodeid):
        return "servers" if nodeid.startswith(SERVERS) else nodeid

    def remove_node(self, node):
        """Give others what a worker had left, but neither what it has done nor what has killed it.

        xdist hands on both: a worker says nothing of units that are done, and so gets no more.
        """
        units = self.assigned_work.pop(node)
        left = [test for unit in units.values() for test, done in unit.items() if not done]
        if not left:
            return None
        units[self._split_scope(left[0])][left[0]] = True
        unfinished = {scope: unit for scope, unit in units.items() if False in unit.values()}
        self.workqueue.update(unfinished)
        for other in self.nodes:
            self._reschedule(other)
        return left[0]

    def _reschedule(self, node):
        if node not in self.registered_collections:  # in a dead one's place, but not ready yet
            return
        super()._reschedule(node)
        # A worker begins its last test only when it knows what follows, or that nothing does.
        while self._pending_of(self.assigned_work[node]) < 2 and not node.shutting_down:
            super()._reschedule(node)
