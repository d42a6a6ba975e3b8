"""Losses, each the mean over the samples of a batch; and penalties on large parameters.

Every batch loss is one `mean` node over one small expression a sample, so that a graph is no deeper for more
samples. Numbers work in place of Values, and then the loss is a float.

With ``weights``, one a sample, it is the weighted mean ``sum(w * l) / sum(w)`` of the samples' losses l: a sample of
weight 2 counts like two of them, and the scale of the weights does not matter. That is scikit-learn's
``sample_weight``, and what PyTorch's ``CrossEntropyLoss`` does with the weights of classes. (The ``weight`` of its
``BCEWithLogitsLoss`` is divided by the number of samples in place of the sum.)

`functions` checks what is asked for, reads it as numbers, and has the losses and penalties.
"""

from nn.losses.functions import binary_cross_entropy, cross_entropy, hinge, l1, l2, mae, mse

__all__ = ["binary_cross_entropy", "cross_entropy", "hinge", "l1", "l2", "mae", "mse"]
