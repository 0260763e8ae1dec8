"""`Evaluator`: TFX's, which leaves a model that cannot be loaded to the Judge."""

from tfx import components
from tfx.dsl.components.base import executor_spec

from components.evaluator import executor


class Evaluator(components.Evaluator):
    """TFX's Evaluator, but for a candidate that TensorFlow cannot load.

    Such a model is not blessed and has no scores; the run goes on to the Judge, who
    refuses it in a sentence.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
