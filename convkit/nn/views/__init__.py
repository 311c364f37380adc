"""Looking into networks: what a unit sees, what excites it, how it answers to change, and where a network is linear.

A layer is given as the module itself or by its dotted name in the model. While it is looked at, a model is in `eval` mode,
and neither its parameters' gradients nor its running statistics change.
"""

from convkit.nn.views.features import Activation, deconvnet, filter_images, input_gradient, top_activations
from convkit.nn.views.field import receptive_field
from convkit.nn.views.inside import activation
from convkit.nn.views.kinds import FilterKinds, filter_kinds
from convkit.nn.views.motion import invariance, moved
from convkit.nn.views.regions import Plane, Regions, linear_regions

__all__ = ["Activation", "FilterKinds", "Plane", "Regions", "activation", "deconvnet", "filter_images", "filter_kinds",
           "input_gradient", "invariance", "linear_regions", "moved", "receptive_field", "top_activations"]
