"""The exceptions that this project raises.

::

    AutodiffError                    anything a user can cause in the engine or in nn
    |-- GraphError                   a graph is used in a way that has no meaning
    |   |-- StaleGraphError          a leaf changed after the graph was built on it
    |   `-- TraceError               a function that is being compiled branches on a number, or keeps one
    |-- GradientError                a derivative is not what finite differences say
    |-- NonFiniteError (ArithmeticError)  strict mode met a nan or an infinity
    |-- RenderError                  a drawing cannot be turned into a picture
    |-- DataError      (ValueError)  a data set cannot be used: what, and where
    `-- ModelFileError (ValueError)  a saved model is damaged or does not fit

Wrong types are a plain `TypeError`, wrong values a plain `ValueError`. Every message says what was
expected, what came, and what to do about it.
"""

from __future__ import annotations


class AutodiffError(Exception):
    """Base class of every error that this project defines."""


class GraphError(AutodiffError):
    """A computation graph is used in a way that has no meaning."""


class StaleGraphError(GraphError):
    """The data of a leaf changed after a graph was built on it.

    The graph's numbers belong to the old data, so its gradients would be wrong. Build the expression
    again, or recompute the recorded graph in place with ``output.refresh()``.
    """


class TraceError(GraphError):
    """A function that is being recorded for replay branches on a number, hashes one or takes one out of the graph.

    Or a number is used outside of the function that it was recorded in. A function that catches the error gets it once
    more at its end. Which `number` was asked for, it knows.
    """

    number: object = None


class GradientError(AutodiffError):
    """A derivative is not what finite differences say; the message names the operation whose rule is wrong."""


class NonFiniteError(AutodiffError, ArithmeticError):
    """A nan or an infinity arose in strict mode; the message names the operation, its operands and the line."""


class RenderError(AutodiffError):
    """A drawing cannot be rendered: no engine, an unknown format, or a failing engine."""


class DataError(AutodiffError, ValueError):
    """A data set cannot be used; the message says what is wrong and where."""


class ModelFileError(AutodiffError, ValueError):
    """A saved model is damaged, or does not fit the model that it is loaded into."""
