"""The article's network twice: the nine derivatives by hand and by machine, then its training.

python examples/article.py
"""

from __future__ import annotations

from microgradnet import Value, article, fit, name, sigmoid
from microgradnet.nn import MLP

# --- one person's loss, written as the article writes it: every weight 1, every bias 0 ------------------------------

start = {letter: 1.0 if letter.startswith("w") else 0.0 for letter in article.NAMES}
w1, w2, w3, w4, w5, w6, b1, b2, b3 = (Value(start[letter]) for letter in article.NAMES)
alice = article.PEOPLE[0]
x1, x2 = alice.x1, alice.x2

h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
L = (alice.y - ypred) ** 2
name(**locals())  # every Value gets the name of its variable as its label

print(f"Alice: h1 = {h1:.6f}, ypred = {ypred:.6f}, L = {L:.6f}\n")

# --- its derivatives: by the chain rule on paper, and by backward() ------------------------------------------------

by_hand = article.gradients(start, x1, x2, alice.y)  # nine formulas; nothing of autograd is in them
L.backward()  # fills .grad of all nine

print("             by machine      by hand")
for parameter in (w1, w2, w3, w4, w5, w6, b1, b2, b3):
    print(f"∂L/∂{parameter.label}   {parameter.grad:13.9f}{by_hand[str(parameter.label)]:13.9f}")

# --- the training: four people, one at a time, a thousand times ----------------------------------------------------

model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=6)
inputs = [[person.x1, person.x2] for person in article.PEOPLE]
answers = [person.y for person in article.PEOPLE]  # 1 for F, 0 for M
history = fit(model, inputs, answers, lr=0.1, epochs=1000, every=10, progress=False)

print()
for epoch in (0, 100, 500, 990):
    print(f"epoch {epoch:3}   loss {history.losses[history.epochs.index(epoch)]:.4f}")
for person in (article.EMILY, article.FRANK):
    ypred = model([person.x1, person.x2])
    print(f"{person.name}: {ypred:.3f}, so {'F' if ypred.data > 0.5 else 'M'}")
