"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn, learnt in seconds by the tutorials' loop."""

import convkit.autodiff as torch
import convkit.nn as nn
import convkit.nn.functional as F
import convkit.optim as optim
from convkit.data import ArrayLoader, digits, split

images, labels = digits()
(train_x, train_y), (test_x, test_y) = split(images / 16, labels, fraction=0.2, seed=0)
trainloader = ArrayLoader(train_x, train_y, batch_size=32, shuffle=True, seed=0)
nn.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.fc(self.drop(torch.flatten(x, 1)))


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.03, momentum=0.9)

for epoch in range(15):
    running_loss = 0.0
    for inputs, targets in trainloader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"[{epoch + 1}, {len(trainloader):5d}] loss: {running_loss / len(trainloader):.3f}")
print("Finished Training")

net.eval()
with torch.no_grad():
    right = (net(test_x).data.argmax(1) == test_y).sum()
print(f"{100 * right / len(test_y):.1f} % of the {len(test_y)} test images are right")
