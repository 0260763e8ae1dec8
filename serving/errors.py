"""What can go wrong between a clip and its caption."""

from transform.common.errors import KinescribeError


class ServingError(KinescribeError):
    """A model cannot be loaded, or a server cannot be reached or refuses."""


class RefusedError(ServingError):
    """The model does not take these very inputs; others it may."""
