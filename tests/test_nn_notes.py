"""The loops of the lecture notes, with only their import lines changed; and what the notes say about layers."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np

from convkit import nn as networks
from convkit.autodiff import tensor

TUTORIAL = '''
import convkit.autodiff as torch
import convkit.nn as nn
import convkit.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1) # flatten all dimensions except batch
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x

net = Net()

import convkit.optim as optim

criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

for epoch in range(2):  # loop over the dataset multiple times

    running_loss = 0.0
    for i, data in enumerate(trainloader, 0):
        # get the inputs; data is a list of [inputs, labels]
        inputs, labels = data

        # zero the parameter gradients
        optimizer.zero_grad()

        # forward + backward + optimize
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()

        # print statistics
        running_loss += loss.item()
        if i % 2000 == 1999:    # print every 2000 mini-batches
            print(f'[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 2000:.3f}')
            running_loss = 0.0

print('Finished Training')
'''

MAGIC = '''
import convkit.autodiff as torch
{optimizer}
for i in range(epochs):
    # reset gradient tracking
    optimizer.zero_grad(set_to_none=True)
    # run the current network against all training inputs at once.
    # so this is a whole batch version of gradient descent.
    prediction = run_network(train_X)
    # compute average squared error loss.
    loss = 0.5 * torch.mean((train_y - prediction) ** 2)
    # backpropagation of the loss. to be covered in lecture 7.
    loss.backward()
    # update parameters. to be covered today.
    optimizer.step()
'''


EXAMPLE = '''
import convkit.autodiff as torch
import convkit.nn as nn
import convkit.nn.functional as F
import convkit.optim as optim

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 8, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(72, 16)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x):
        x = F.relu(self.conv1(x), inplace=True)
        y = self.conv2(F.pad(x, (1, 1, 1, 1)))
        x = F.max_pool2d(F.relu(torch.cat([x[:, :4], y[:, :4]], dim=1)), 2)
        x = self.dropout1(x)
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)

def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

model = Net()
model.apply(init_weights)
optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1, momentum=0.9)
model.train()
for batch_idx, (data, target) in enumerate(train_loader):
    optimizer.zero_grad()
    output = model(data.unsqueeze(1).float())
    loss = F.nll_loss(output, target)
    loss.backward()
    optimizer.step()

model.eval()
test_loss, correct = 0, 0
with torch.no_grad():
    for data, target in test_loader:
        output = model(data.unsqueeze(1).float())
        test_loss += F.nll_loss(output, target, reduction='sum').item()
        pred = output.argmax(dim=1, keepdim=True)
        correct += pred.eq(target.view_as(pred)).sum().item()
'''


class Batches:
    """2000 batches of four images whose class is a bright row: easy enough to be learnt in no time."""

    def __iter__(self):
        rng = np.random.default_rng(0)
        for _ in range(2000):
            labels = rng.integers(0, 10, 4)
            images = 0.3 * rng.standard_normal((4, 3, 32, 32), np.float32)
            images[np.arange(4), :, 3 * labels] += 2
            yield [tensor(images), tensor(labels)]


def test_the_tutorials_loop():
    networks.manual_seed(0)
    said = io.StringIO()
    names = {"trainloader": Batches(), "__name__": "tutorial"}
    with contextlib.redirect_stdout(said):
        exec(compile(TUTORIAL, "tutorial", "exec"), names)
    lines = said.getvalue().splitlines()
    assert [re.match(r"\[\d,  2000\] loss: ", line) is not None for line in lines] == [True, True, False]
    first, second = (float(line.split()[-1]) for line in lines[:2])
    assert first < 2.0
    assert second < 0.05
    assert lines[2] == "Finished Training"
    assert sum(p.numel() for p in names["net"].parameters()) == 62_006


def test_the_magic_code():
    networks.manual_seed(1)
    rng = np.random.default_rng(1)
    train_x = tensor(rng.standard_normal((64, 3)), dtype=np.float32)
    train_y = tensor((train_x.data @ [1.0, -2.0, 0.5] + 3)[:, None], dtype=np.float32)
    network = networks.Linear(3, 1)
    names = {"epochs": 300, "train_X": train_x, "train_y": train_y, "run_network": network, "parameters": network.parameters()}
    exec(MAGIC.format(optimizer="from convkit import optim\noptimizer = optim.SGD(parameters, lr=1e-1)"), names)
    assert float(names["loss"]) < 1e-10
    np.testing.assert_allclose(network.weight.data, [[1, -2, 0.5]], atol=1e-5)
    np.testing.assert_allclose(network.bias.data, 3, atol=1e-5)


def test_a_script_as_users_write_them():
    """Reshaping, joining, slicing, weights set by hand, and counting, as in PyTorch's examples."""
    networks.manual_seed(0)
    rng = np.random.default_rng(3)

    def batches(count):
        for _ in range(count):
            labels = rng.integers(0, 2, 16)
            images = rng.standard_normal((16, 8, 8))
            images[np.arange(16), :, 2 + 3 * labels] += 2  # a bright column at the left or at the right
            yield tensor(images), tensor(labels)

    names = {"train_loader": batches(60), "test_loader": list(batches(10))}
    exec(compile(EXAMPLE, "example", "exec"), names)
    assert names["correct"] >= 150
    assert names["test_loss"] / 160 < 0.2


def test_two_affine_maps_are_one():
    one, other = networks.Linear(4, 6).double(), networks.Linear(6, 3).double()
    both = networks.Linear(4, 3).double()
    both.weight.data = other.weight.data @ one.weight.data
    both.bias.data = other.weight.data @ one.bias.data + other.bias.data
    x = np.random.default_rng(0).standard_normal((5, 4))
    np.testing.assert_allclose(both(x).data, other(one(x)).data, atol=1e-14)


def test_xor_is_learnt():
    import convkit.optim as optim

    networks.manual_seed(2)
    model = networks.Sequential(networks.Linear(2, 8), networks.Tanh(), networks.Linear(8, 1))
    x = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], np.float32)
    y = np.array([[1], [0], [0], [1]], np.float32)
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(200):
        optimizer.zero_grad()
        model.loss_and_grad(x, y, networks.BCEWithLogitsLoss())
        optimizer.step()
    assert ((model(x).data > 0) == (y == 1)).all()
