"""MTCNN's three networks (Zhang et al. 2016) with facenet-pytorch's weights, in operations that every backend
has and does quickly.

They answer what facenet-pytorch's own answer, to rounding. Written otherwise is what backends lack or do
slowly: PReLU, for which ReLU serves; softmax over two classes, which is a sigmoid; pooling that reaches past
the end of its input. That it may begin before its input serves instead: R-net and O-net turn their crops by
half a turn, and all their layers are turned too.
"""

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, one_hot

_FAR = 1e3
"""More than any number that a first convolution gives for pixels from -1 to 1."""


def proposal_network() -> "ProposalNetwork":
    """P-net, which looks at every place of a picture."""
    return ProposalNetwork(PNet()).eval().requires_grad_(False)


def refinement_network() -> "RefinementNetwork":
    """R-net, which looks at what P-net proposed."""
    return RefinementNetwork(RNet()).eval().requires_grad_(False)


def output_network() -> "OutputNetwork":
    """O-net, which looks at what R-net left and finds the landmarks."""
    return OutputNetwork(ONet()).eval().requires_grad_(False)


class ProposalNetwork(nn.Module):
    """Whether there is a face in each window of 12 x 12 pixels, one every 2 pixels, and how to move its
    edges.

    The picture's height and width are even, and said in pairs, because torch exports pooling of a varying
    length only where it sees that the pools fit. One that was made even has a fourth plane which is 1 past
    its border, where nothing counts, and 0 in it.
    """

    def __init__(self, weights: PNet) -> None:
        super().__init__()
        self.first = _FirstLayer(weights.conv1, weights.prelu1)
        self.layers = nn.Sequential(
            weights.conv2, _PReLU(weights.prelu2), weights.conv3, _PReLU(weights.prelu3)
        )
        self.answers = _joined(weights.conv4_1, weights.conv4_2)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels [1, 4, rows, 2, columns, 2] to probabilities [1, r, c] and moves [1, 4, r, c] in sizes of
        the window.

        r and c are rows - 5 and columns - 5.
        """
        batch, planes, rows, _, columns, _ = pixels.shape
        found = self.layers(self.first(pixels.reshape(-1).reshape(batch, planes, 2 * rows, 2 * columns)))
        answers = self.answers(found)
        return torch.sigmoid(answers[:, 0]), answers[:, 1:]


class RefinementNetwork(nn.Module):
    """Whether there is a face in a crop, and how to move its edges."""

    def __init__(self, weights: RNet) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(_turned(weights.conv1), _PReLU(weights.prelu1), nn.MaxPool2d(3, 2, padding=1)),
            *(_turned(weights.conv2), _PReLU(weights.prelu2), nn.MaxPool2d(3, 2)),
            *(_turned(weights.conv3), _PReLU(weights.prelu3)),
            *(nn.Flatten(), _turned(weights.dense4), weights.prelu4),
        )
        self.answers = _joined(weights.dense5_1, weights.dense5_2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops [B, 3, 24, 24] to probabilities [B] and moves [B, 4] in sizes of the crop."""
        answers = self.answers(self.layers(crops.flip(2, 3)))
        return torch.sigmoid(answers[:, 0]), answers[:, 1:]


class OutputNetwork(nn.Module):
    """Whether there is a face in a crop, how to move its edges, and where its landmarks are."""

    def __init__(self, weights: ONet) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(_turned(weights.conv1), _PReLU(weights.prelu1), nn.MaxPool2d(3, 2, padding=1)),
            *(_turned(weights.conv2), _PReLU(weights.prelu2), nn.MaxPool2d(3, 2)),
            *(_turned(weights.conv3), _PReLU(weights.prelu3), nn.MaxPool2d(2, 2)),
            *(_turned(weights.conv4), _PReLU(weights.prelu4)),
            *(nn.Flatten(), _turned(weights.dense5), weights.prelu5),
        )
        self.answers = _joined(weights.dense6_1, weights.dense6_2, weights.dense6_3)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Crops [B, 3, 48, 48] to probabilities [B], moves [B, 4], landmarks [B, 2, 5] (x, y), all in sizes
        of the crop."""
        answers = self.answers(self.layers(crops.flip(2, 3)))
        return torch.sigmoid(answers[:, 0]), answers[:, 1:5], answers[:, 5:].reshape(-1, 2, 5)


class _PReLU(nn.Module):
    """PReLU from ReLU: one term goes straight through 0, the other makes the bend."""

    def __init__(self, weights: nn.PReLU) -> None:
        super().__init__()
        self.slope = _constant(weights.weight[:, None, None])
        self.bend = _constant(1 - weights.weight[:, None, None])

    def forward(self, values: Tensor) -> Tensor:
        return self.slope * values + self.bend * torch.relu(values)


class _FirstLayer(nn.Module):
    """Convolution, PReLU and pooling by 2 x 2, the pooling done before the bending, where it takes a quarter
    of the work.

    A PReLU that rises everywhere may follow the pooling. One that falls below 0 is the greater of two lines,
    the values and slope times them, which may be pooled one by one; so the convolution gives the second lines
    of such channels as further channels.
    """

    def __init__(self, convolution: nn.Conv2d, weights: nn.PReLU) -> None:
        super().__init__()
        assert convolution.bias is not None
        slope, count = weights.weight, len(weights.weight)
        falling = torch.nonzero(slope < 0).flatten()
        kernel = torch.cat(
            [convolution.weight, slope[falling, None, None, None] * convolution.weight[falling]]
        )
        past_border = torch.zeros(len(kernel), 1, 3, 3)
        past_border[
            :, :, 2, 2
        ] = -_FAR  # the last pixel that a window reaches: what lies past the border never is the greatest
        self.kernel = _constant(torch.cat([kernel, past_border], 1))
        self.bias = _constant(torch.cat([convolution.bias, slope[falling] * convolution.bias[falling]]))
        first = torch.eye(count, len(kernel))
        second = torch.cat([torch.diag(slope.clamp(min=0)), one_hot(falling, count).T], 1)
        # Greater of both lines where the slope is below 1, else lesser.
        self.sign = _constant(torch.sign(1 - slope)[:, None, None])
        self.second = _constant(second[:, :, None, None])
        self.difference = _constant(self.sign[..., None] * (first - second)[:, :, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        lines = max_pool2d(conv2d(pixels, self.kernel, self.bias), 2)
        above = torch.relu(conv2d(lines, self.difference))
        return conv2d(lines, self.second) + self.sign * above


def _turned(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """A convolution for inputs turned by half a turn, or a dense layer for what convolutions made of such
    inputs.

    Dense layers take 3 x 3 places by channel, row and column then, and not as they learnt, by column, row and
    channel.
    """
    if isinstance(layer, nn.Conv2d):
        layer.weight = _constant(layer.weight.flip(2, 3))
    else:
        layer.weight = _constant(
            layer.weight.unflatten(1, (3, 3, -1)).permute(0, 3, 2, 1).flip(2, 3).flatten(1)
        )
    return layer


def _joined(face: nn.Module, *others: nn.Module) -> nn.Module:
    """The last layers as one: first the logit of a face, which is the second class's less the first's, then
    what the others say."""
    for name in ("weight", "bias"):
        classes, *rest = (getattr(layer, name) for layer in (face, *others))
        setattr(face, name, _constant(torch.cat([classes[1:] - classes[:1], *rest])))
    return face


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone())
