"""How large a load is, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of all practices together, except where said."""

    minutes: float = 5.0
    practices: int = 12
    therapists: int = 48
    clients: int = 6
    """Of a practice."""
    notes: int = 10
    """Of a client, before it begins."""
    think: float = 25.0
    """Seconds between two questions of a therapist, in the mean; 0: as fast as answers come."""
    changes: float = 60.0
    """Of notes and clients, a minute."""
    workers: int = 2
    apis: int = 1
    """Each with a PazPaz before it, as its proxy knows one address."""
    seed: int = 1
    window: float = 60.0
    """Seconds of a line in the log."""
    sample: float = 5.0
    """Seconds between two looks at memory, database and connections."""

    @property
    def seconds(self) -> float:
        return self.minutes * 60
