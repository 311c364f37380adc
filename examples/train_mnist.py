"""A convolutional network of 34,826 parameters on MNIST, by the tutorials' loop.

python train_mnist.py DIR [STEPS]: the directory of the IDX files, and how many steps an epoch has (469; 12 epochs).
"""

import sys
from itertools import islice

import convkit.autodiff as torch
import convkit.nn as nn
import convkit.optim as optim
from convkit.data import ArrayLoader, Standardize, mnist

unit = Standardize(0, 255)  # from 0 to 1
trainloader = ArrayLoader(*mnist(sys.argv[1], train=True), batch_size=128, shuffle=True, transform=unit)
testloader = ArrayLoader(*mnist(sys.argv[1], train=False), batch_size=100, shuffle=False, transform=unit)
steps = int(sys.argv[2]) if len(sys.argv) > 2 else len(trainloader)
nn.manual_seed(0)

net = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 5 * 5, 10),
)  # fmt: skip
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.001)

for epoch in range(12 if steps == len(trainloader) else 1):
    net.train()
    running_loss = 0.0
    for inputs, labels in islice(trainloader, steps):
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    net.eval()
    with torch.no_grad():
        right = sum((net(inputs).data.argmax(1) == labels).sum() for inputs, labels in testloader)
    print(f"[{epoch + 1}, {steps:5d}] loss: {running_loss / steps:.3f}, test: {100 * right / len(testloader.y):.2f} %")
print("Finished Training")
