"""Types of artifacts that the pages of Kubeflow Pipelines and of Vertex AI show.

Their names are the titles by which both know what they can draw.
"""

from tfx.types.artifact import Artifact

SHOWN_FILE = "shown_file"  # property: the file of an artifact's folder that is shown


class HTML(Artifact):
    """A page for people; `SHOWN_FILE` names it among the files of the folder."""

    TYPE_NAME = "system.HTML"


class Metrics(Artifact):
    """Figures by their names, which are its properties; there are no files."""

    TYPE_NAME = "system.Metrics"


# Title → the class that TFX is to make of it.
CLASS_PATHS = {
    kind.TYPE_NAME: f"{kind.__module__}.{kind.__name__}" for kind in (HTML, Metrics)
}
