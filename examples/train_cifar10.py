"""The CIFAR-10 tutorial: its network and its loop, with only the import lines changed.

python train_cifar10.py DIR [STEPS]: the directory of the binary version, and how many steps an epoch has (12,500).
"""

import sys
from itertools import islice

import convkit.autodiff as torch
import convkit.nn as nn
import convkit.nn.functional as F
import convkit.optim as optim
from convkit.data import ArrayLoader, Standardize, cifar10

normalize = Standardize(127.5, 127.5)  # from -1 to 1
trainloader = ArrayLoader(*cifar10(sys.argv[1], train=True), batch_size=4, shuffle=True, transform=normalize)
testloader = ArrayLoader(*cifar10(sys.argv[1], train=False), batch_size=100, shuffle=False, transform=normalize)
steps = int(sys.argv[2]) if len(sys.argv) > 2 else len(trainloader)
every = min(2000, steps)
nn.manual_seed(0)


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
        x = torch.flatten(x, 1)
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.fc3(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

for epoch in range(2):
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(islice(trainloader, steps)):
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % every == every - 1:
            print(f"[{epoch + 1}, {i + 1:5d}] loss: {running_loss / every:.3f}")
            running_loss = 0.0
print("Finished Training")
with torch.no_grad():
    right = sum((net(inputs).data.argmax(1) == labels).sum() for inputs, labels in testloader)
print(f"{100 * right / len(testloader.y):.1f} % of the {len(testloader.y)} test images are right")
