"""The tree of errors that a person can mend, and the warning for what is coped with.

::

    BayesSegError
    ├── SettingsError    a setting is out of range or contradicts another
    ├── GeometryError    a voxel grid that can't be placed in the world
    ├── FormatError      a file that can't be read, or can't be written
    ├── CheckpointError  a model folder that can't be trusted or doesn't fit
    └── StoreError       a result store that is busy, damaged or of another run

The faces (command line, viewer) catch :class:`BayesSegError` in one place each and show its
one-line message. Anything else is a bug of ours and surfaces as one.
"""

__all__ = [
    "BayesSegError",
    "BayesSegWarning",
    "CheckpointError",
    "FormatError",
    "GeometryError",
    "SettingsError",
    "StoreError",
]


class BayesSegError(Exception):
    """Something a person can mend: says what was expected, what came, and what to do."""


class SettingsError(BayesSegError, ValueError):
    """A setting is out of range, or contradicts the scan or the model."""


class GeometryError(BayesSegError, ValueError):
    """A voxel grid that can't be placed in the world (zero spacing, singular affine)."""


class FormatError(BayesSegError):
    """A file is unreadable, truncated, of the wrong kind, or can't be written."""


class CheckpointError(BayesSegError):
    """A model folder is missing, damaged, or does not fit the request."""


class StoreError(BayesSegError):
    """A result store is in use, damaged, or belongs to another run."""


class BayesSegWarning(UserWarning):
    """Something odd about the input that was coped with and recorded."""
