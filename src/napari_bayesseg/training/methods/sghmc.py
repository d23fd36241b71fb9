"""Stochastic gradient Hamiltonian Monte Carlo as an optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

__all__ = ["Sghmc"]


class Sghmc(torch.optim.Optimizer):
    r"""Sample from a cold posterior, in the momentum form of cyclical stochastic gradient MCMC.

    v <- (1 - a) v - lr (grad + wd theta) + sqrt(2 lr a T / N) eps;  theta <- theta + v

    The gradient is that of a mean over data, U(theta) / N, so the target is
    exp(-N (loss + wd theta^2 / 2) / T): with a weight decay of 1 / (N s^2) the prior of each
    weight is N(0, s^2). Exact for small learning rates; there the noise of the minibatches adds
    to T. N counts voxels as if they were independent given the weights, which they are not: what
    is one observation among neighbours lowers the temperature further.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
    lr : float
    friction : float
        a; 1 - a is the momentum.
    temperature : float
        T; 0 adds no noise. A value of the parameter groups, as `lr`.
    num_data : int
        N, the number of labelled training voxels.
    prior_scale : float
        s.
    generator : torch.Generator
        Of the noise, on the device of the parameters.

    References
    ----------
    Chen, Fox and Guestrin, "Stochastic gradient Hamiltonian Monte Carlo", ICML 2014, eq. 15;
    Zhang et al., ICLR 2020, algorithm 1; Wenzel et al., "How good is the Bayes posterior in deep
    neural networks really?", ICML 2020 (temperature).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        friction: float,
        temperature: float,
        num_data: int,
        prior_scale: float,
        generator: torch.Generator,
    ) -> None:
        defaults = {
            "lr": lr,
            "friction": friction,
            "temperature": temperature,
            "num_data": num_data,
            "weight_decay": 1.0 / (num_data * prior_scale**2),
        }
        super().__init__(parameters, defaults)
        self._generator = generator

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("Sghmc takes no closure")
        for group in self.param_groups:
            lr, friction = group["lr"], group["friction"]
            scale = math.sqrt(2.0 * lr * friction * group["temperature"] / group["num_data"])
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(parameter)
                velocity = state["velocity"].mul_(1.0 - friction)
                velocity.add_(parameter.grad, alpha=-lr)
                velocity.add_(parameter, alpha=-lr * group["weight_decay"])
                if scale > 0.0:
                    eps = torch.empty_like(parameter).normal_(generator=self._generator)
                    velocity.add_(eps, alpha=scale)
                parameter.add_(velocity)
