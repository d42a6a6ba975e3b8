"""Optimizers: the rules that turn gradients into steps, with the names and the numbers of PyTorch.

With x a parameter, g its gradient (plus ``weight_decay * x``, except for AdamW) and everything remembered 0 at first:

========= ==========================================================================================================
SGD       x <- x - lr g; with momentum v <- momentum v + g, x <- x - lr v (`SGD` has the variants)
RMSprop   s <- alpha s + (1 - alpha) g^2, x <- x - lr g / (sqrt(s) + eps)
Adam      m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, and at step t
          x <- x - lr (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
AdamW     Adam, with the decay apart from the gradient: x <- x - lr weight_decay x, then Adam's step
========= ==========================================================================================================

References
----------
B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964 (momentum: the heavy ball).
Yu. Nesterov, *A method of solving a convex programming problem with convergence rate O(1/k^2)*, 1983.
T. Tieleman and G. Hinton, *Lecture 6.5: RMSprop*, 2012.
D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, 2015, arXiv:1412.6980.
I. Loshchilov and F. Hutter, *Decoupled weight decay regularization*, 2019, arXiv:1711.05101 (AdamW).

The files, in the order of reading: `rules` has what all share, and the ones above by name; `clip` what may be done to
gradients before a step.
"""

from nn.optim.rules import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop, named

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "named"]
