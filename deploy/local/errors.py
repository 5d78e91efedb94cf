"""What can go wrong with a local stack in ways that its user can put right."""


class StackError(Exception):
    """The local stack cannot do what was asked. The message says why and what to do; no traceback is needed."""


class Misused(StackError):
    """An option or setting that cannot be meant so. The message names it."""


class NoFolder(Misused):
    """The `var` folder cannot be made or written to."""


class AlreadyRunning(StackError):
    """Another supervisor holds this `var` folder."""


class NotStarted(StackError):
    """A process did not become ready. The message says which one and what its log says."""


class JarNotFetched(Misused):
    """A jar could not be fetched, and it is not in the cache. The message names the setting that helps."""


class JarRefused(Misused):
    """A fetched jar is not the one that the lock file names. It is not used and not kept."""


class KafkaNotFormatted(StackError):
    """Kafka's own tool could not lay out the data folder. The message holds what it said."""


class DatabaseNotCreated(StackError):
    """PostgreSQL's data folder could not be created. The message holds what its tool said."""
