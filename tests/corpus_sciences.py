"""Programs of the corpus: mechanics, numerical analysis, geometry, signals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from corpus import program, uniform

from microgradnet import atan2, clip, cos, exp, hypot, maximum, relu, sigmoid, sin, sqrt, tanh, where

# --- differential equations ------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 4, low=0.3, high=1.2), lambda r, n: (uniform(r, 20, 2, low=0.5, high=2),))
def lotka_volterra_euler(p: Any, seen: Any) -> Any:
    a, b, c, d = p
    prey, hunters, loss = 1.0, 0.5, 0.0
    for s in seen:
        prey, hunters = (
            prey + 0.05 * (a * prey - b * prey * hunters),
            hunters + 0.05 * (c * prey * hunters - d * hunters),
        )
        loss = loss + (prey - s[0]) ** 2 + (hunters - s[1]) ** 2
    return loss / len(seen)


@program(lambda r: {"length": uniform(r, low=0.5, high=2), "damping": uniform(r, low=0, high=0.3)}, lambda r, n: (0.8,))
def pendulum_euler(p: Any, angle: Any) -> Any:
    speed = 0.0
    for _ in range(40):
        speed = speed - 0.02 * (9.81 / p["length"] * sin(angle) + p["damping"] * speed)
        angle = angle + 0.02 * speed
    return angle**2 + speed**2


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, 2), 0.1))
def runge_kutta_four(p: Any, start: Any, h: Any) -> Any:
    def slope(y: Any) -> Any:
        return [y[1], -p[0] * y[0] - p[1] * y[1] - p[2] * y[0] ** 3]

    y = start
    for _ in range(8):
        k1 = slope(y)
        k2 = slope([a + h / 2 * b for a, b in zip(y, k1, strict=True)])
        k3 = slope([a + h / 2 * b for a, b in zip(y, k2, strict=True)])
        k4 = slope([a + h * b for a, b in zip(y, k3, strict=True)])
        y = [v + h / 6 * (a + 2 * b + 2 * c + d) for v, a, b, c, d in zip(y, k1, k2, k3, k4, strict=True)]
    return y[0] ** 2 + y[1] ** 2


@program(
    lambda r: {"K": uniform(r, low=5, high=9), "r": uniform(r, low=0.3, high=1), "t0": uniform(r)},
    lambda r, n: ([i / 2 for i in range(n)], uniform(r, n, low=0, high=8)),
    n=16,
    others=(9,),
)
def logistic_growth(p: Any, t: Any, y: Any) -> Any:
    return sum((p["K"] / (1 + exp(-p["r"] * (ti - p["t0"]))) - yi) ** 2 for ti, yi in zip(t, y, strict=True)) / len(t)


@program(lambda r: [uniform(r, low=10, high=14), uniform(r, low=0.5, high=1), 0.05], lambda r, n: (9.0,))
def projectile_with_drag(p: Any, target: Any) -> Any:
    v0, angle, drag = p
    x, y, vx, vy = 0.0, 0.0, v0 * cos(angle), v0 * sin(angle)
    for _ in range(30):
        speed = hypot(vx, vy)
        vx, vy = vx - 0.05 * drag * speed * vx, vy - 0.05 * (9.81 + drag * speed * vy)
        x, y = where(y >= 0, x + 0.05 * vx, x), y + 0.05 * vy
    return (x - target) ** 2


@program(lambda r: (uniform(r, 5, 2), uniform(r, 5)), lambda r, n: (uniform(r, n, low=0, high=2),), n=10, others=(4,))
def physics_informed(p: Any, points: Any) -> Any:
    inner, outer = p

    def u(t: Any) -> Any:
        return 1 + t * sum(o * tanh(a * t + b) for (a, b), o in zip(inner, outer, strict=True))

    h, loss = 1e-2, 0.0
    for t in points:
        slope = (u(t + h) - u(t - h)) / (2 * h)
        loss = loss + (slope + u(t)) ** 2
    return loss / len(points)


@program(lambda r: {"alpha": uniform(r, low=0.1, high=0.4), "u0": uniform(r, 10)}, lambda r, n: (uniform(r, 10),))
def heat_equation(p: Any, wanted: Any) -> Any:
    u = p["u0"]
    for _ in range(6):
        u = [0.0] + [u[i] + p["alpha"] * (u[i - 1] - 2 * u[i] + u[i + 1]) for i in range(1, 9)] + [0.0]
    return sum((a - b) ** 2 for a, b in zip(u, wanted, strict=True))


@program(lambda r: uniform(r, 6, 6), lambda r, n: (np.array(uniform(r, 6, 6)),))
def laplace_energy_2d(u: Any, source: Any) -> Any:
    energy = 0
    for i in range(5):
        for j in range(5):
            energy += 0.5 * ((u[i + 1][j] - u[i][j]) ** 2 + (u[i][j + 1] - u[i][j]) ** 2)
    for i in range(6):
        for j in range(6):
            energy -= source[i][j] * u[i][j]
    return energy


@program(lambda r: uniform(r, 8), lambda r, n: (uniform(r, 8),))
def wave_on_a_ring(c: Any, start: Any) -> Any:
    before, now = start, list(start)
    n = len(c)
    for _ in range(5):
        later = [
            2 * now[i] - before[i] + 0.1 * c[i] ** 2 * (now[(i + 1) % n] - 2 * now[i] + now[i - 1]) for i in range(n)
        ]
        before, now = now, later
    return sum(v * v for v in now)


# --- particles -------------------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 7, 3, low=-2, high=2), lambda r, n: (uniform(r, 7, low=0.5, high=2),))
def n_body_energy(x: Any, m: Any) -> Any:
    energy = 0
    for i in range(len(x)):
        for j in range(i):
            d2 = sum((a - b) ** 2 for a, b in zip(x[i], x[j], strict=True))
            energy = energy - m[i] * m[j] / sqrt(d2 + 0.01)
    return energy


@program(lambda r: (uniform(r, 6, 2, low=-2, high=2), uniform(r, 6, 2)), lambda r, n: (uniform(r, 6, low=0.5, high=2),))
def n_body_step(p: Any, m: Any) -> Any:
    x, v = p
    force = [[0.0, 0.0] for _ in x]
    for i in range(6):
        for j in range(6):
            if i != j:
                dx, dy = x[j][0] - x[i][0], x[j][1] - x[i][1]
                f = m[j] / (dx * dx + dy * dy + 0.1) ** 1.5
                force[i][0] = force[i][0] + f * dx
                force[i][1] = force[i][1] + f * dy
    moved = [[xi[k] + 0.1 * (vi[k] + 0.1 * fi[k]) for k in range(2)] for xi, vi, fi in zip(x, v, force, strict=True)]
    return sum(a * a for row in moved for a in row)


@program(lambda r: [[i + 0.2 * r.random(), j + 0.2 * r.random()] for i in range(3) for j in range(3)])
def lennard_jones(x: Any) -> Any:
    total = 0
    for i, a in enumerate(x):
        for b in x[i + 1 :]:
            s6 = (0.8 / ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)) ** 3
            total += 4 * (s6 * s6 - s6)
    return total


@program(lambda r: uniform(r, 9), lambda r, n: (uniform(r, 9),))
def spring_chain(x: Any, rest: Any) -> Any:
    stretch = sum((x[i + 1] - x[i] - 1) ** 2 for i in range(8))
    return stretch + sum(0.3 * (a - b) ** 4 for a, b in zip(x, rest, strict=True)) - x[-1] + x[0]


# --- linear algebra --------------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 3, 3))
def determinant(m: Any) -> Any:
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


@program(
    lambda r: [[uniform(r) + 3 * (i == j) for j in range(3)] for i in range(3)],
    lambda r, n: (uniform(r, 3, 3),),
)
def inverse_by_elimination(m: Any, wanted: Any) -> Any:
    rows = [list(m[i]) + [float(i == j) for j in range(3)] for i in range(3)]
    for k in range(3):
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(3):
            if i != k:
                factor = rows[i][k]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return sum((rows[i][3 + j] - wanted[i][j]) ** 2 for i in range(3) for j in range(3))


@program(lambda r: uniform(r, 3, 5), lambda r, n: (uniform(r, 5),))
def gram_schmidt(vectors: Any, x: Any) -> Any:
    basis: list[Any] = []
    for v in vectors:
        for q in basis:
            along = sum(a * b for a, b in zip(q, v, strict=True))
            v = [a - along * b for a, b in zip(v, q, strict=True)]
        norm = sum(a * a for a in v) ** 0.5
        basis.append([a / norm for a in v])
    return sum(sum(a * b for a, b in zip(q, x, strict=True)) ** 3 for q in basis)


@program(lambda r: uniform(r, 4, 4, low=0.2, high=1))
def power_iteration(A: Any) -> Any:
    v = [1.0] * 4
    for _ in range(5):
        w = [sum(a * b for a, b in zip(row, v, strict=True)) for row in A]
        norm = sqrt(sum(x * x for x in w))
        v = [x / norm for x in w]
    Av = [sum(a * b for a, b in zip(row, v, strict=True)) for row in A]
    return sum(a * b for a, b in zip(v, Av, strict=True))


@program(lambda r: (uniform(r, 3, 4), uniform(r, 4, 2)), lambda r, n: (uniform(r, 2, 5),))
def matrix_chain(p: Any, C: Any) -> Any:
    def product(A: Any, B: Any) -> Any:
        return [[sum(A[i][k] * B[k][j] for k in range(len(B))) for j in range(len(B[0]))] for i in range(len(A))]

    M = product(product(*p), C)
    return sum(M[i][i] for i in range(3)) + sum(v**2 for row in M for v in row)


@program(lambda r: (uniform(r, 4), uniform(r, 4)))
def newton_square_roots(p: Any) -> Any:
    total = 0
    for a, b in zip(*p, strict=True):
        x = 1.0
        for _ in range(4):
            x = 0.5 * (x + (a * a + 1) / x)
        total = total + x * b
    return total


# --- curves ----------------------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 6), lambda r, n: (uniform(r, n), uniform(r, n)), n=15, others=(6,))
def horner_polynomial(c: Any, x: Any, y: Any) -> Any:
    loss = 0
    for xi, yi in zip(x, y, strict=True):
        value = c[-1]
        for ck in reversed(c[:-1]):
            value = value * xi + ck
        loss = loss + (value - yi) ** 2
    return loss / len(x)


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, n), uniform(r, n)), n=12, others=(5,))
def polynomial_by_powers(c: Any, x: Any, y: Any) -> Any:
    return sum((sum(ck * xi**k for k, ck in enumerate(c)) - yi) ** 2 for xi, yi in zip(x, y, strict=True))


@program(lambda r: uniform(r, 6), lambda r, n: (uniform(r, n, low=0, high=5), uniform(r, n)), n=12, others=(7,))
def hat_functions(heights: Any, x: Any, y: Any) -> Any:
    loss = 0
    for xi, yi in zip(x, y, strict=True):
        f = sum(h * relu(1 - abs(xi - k)) for k, h in enumerate(heights))
        loss = loss + (f - yi) ** 2
    return loss


@program(lambda r: uniform(r, 8), lambda r, n: (uniform(r, n), uniform(r, n)), n=12, others=(5,))
def cubic_spline(p: Any, x: Any, y: Any) -> Any:
    knots = (-0.5, -0.1, 0.2, 0.6)
    loss = 0
    for xi, yi in zip(x, y, strict=True):
        f = p[0] + p[1] * xi + p[2] * xi**2 + p[3] * xi**3
        for knot, c in zip(knots, p[4:], strict=True):
            f = f + c * maximum(xi - knot, 0) ** 3
        loss = loss + (f - yi) ** 2
    return loss + 0.01 * sum(c**2 for c in p)


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, low=0, high=4), uniform(r, n)), n=10)
def piecewise_linear(slopes: Any, x: Any, y: Any) -> Any:
    fitted = [sum(s * clip(xi - k, 0, 1) for k, s in enumerate(slopes)) for xi in x]
    return sum(abs(f - yi) for f, yi in zip(fitted, y, strict=True))


@program(lambda r: uniform(r, 4, 2), lambda r, n: (uniform(r, 9, 2),))
def bezier_curve(points: Any, wanted: Any) -> Any:
    loss = 0
    for k, (wx, wy) in enumerate(wanted):
        t = k / 8
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (sum(w * point[axis] for w, point in zip(weights, points, strict=True)) for axis in (0, 1))
        loss = loss + (x - wx) ** 2 + (y - wy) ** 2
    return loss


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, 2, low=1, high=3),))
def robot_arm(angles: Any, target: Any) -> Any:
    x = y = heading = 0.0
    for k, angle in enumerate(angles):
        heading = heading + angle
        x, y = x + (1 - 0.1 * k) * cos(heading), y + (1 - 0.1 * k) * sin(heading)
    return hypot(x - target[0], y - target[1]) + 0.01 * atan2(y, x) ** 2


@program(lambda r: uniform(r, 4, low=0.2, high=1), lambda r, n: (uniform(r, n, 3), uniform(r, n, 3)), n=6, others=(3,))
def quaternion_rotation(q: Any, points: Any, seen: Any) -> Any:
    size = sqrt(sum(c * c for c in q))
    w, x, y, z = [c / size for c in q]
    R = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    loss = 0
    for a, b in zip(points, seen, strict=True):
        loss = loss + sum((sum(R[i][j] * a[j] for j in range(3)) - b[i]) ** 2 for i in range(3))
    return loss


# --- signals ---------------------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 8), lambda r, n: (uniform(r, 8),))
def fourier_by_loops(signal: Any, wanted: Any) -> Any:
    n, loss = len(signal), 0
    for k in range(n):
        re = sum(signal[t] * math.cos(2 * math.pi * k * t / n) for t in range(n))
        im = sum(signal[t] * -math.sin(2 * math.pi * k * t / n) for t in range(n))
        loss = loss + (re * re + im * im - wanted[k]) ** 2
    return loss


@program(lambda r: uniform(r, 16), lambda r, n: (uniform(r, 16),))
def haar_wavelet(x: Any, weights: Any) -> Any:
    coefficients: list[Any] = []
    while len(x) > 1:
        coefficients += [(a - b) / 2 for a, b in zip(x[::2], x[1::2], strict=True)]
        x = [(a + b) / 2 for a, b in zip(x[::2], x[1::2], strict=True)]
    return sum(w * abs(c) for w, c in zip(weights, coefficients + x, strict=True))


@program(lambda r: uniform(r, 3, low=-0.5, high=0.5), lambda r, n: (uniform(r, 25), uniform(r, 25)))
def recursive_filter(p: Any, signal: Any, wanted: Any) -> Any:
    a, b, c = p
    y1 = y2 = 0.0
    loss = 0
    for s, w in zip(signal, wanted, strict=True):
        y1, y2 = a * s + b * y1 + c * y2, y1
        loss += (y1 - w) ** 2
    return loss


@program(lambda r: uniform(r, 12), lambda r, n: (uniform(r, 12),))
def running_sums(p: Any, y: Any) -> Any:
    so_far, loss = 0, 0
    for k, (step, target) in enumerate(zip(p, y, strict=True), 1):
        so_far = so_far + step
        loss = loss + (so_far / k - target) ** 2
    return loss


@program(lambda r: (uniform(r, 5, 5), uniform(r, 3, 3)), lambda r, n: (uniform(r, 5, 5),))
def image_blur_with_edges(p: Any, seen: Any) -> Any:
    image, kernel = p
    loss = 0
    for i in range(5):
        for j in range(5):
            s = 0
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    if 0 <= i + a < 5 and 0 <= j + b < 5:
                        s = s + kernel[a + 1][b + 1] * image[i + a][j + b]
            loss = loss + (s - seen[i][j]) ** 2
    return loss


@program(lambda r: uniform(r, 4, 4), lambda r, n: (uniform(r, 3),))
def mean_field(J: Any, field: Any) -> Any:
    m = [0.1, -0.2, 0.3, 0.0]
    for _ in range(4):
        m = [sigmoid(sum(J[i][j] * m[j] for j in range(4) if j != i) + sum(field)) for i in range(4)]
    return sum(a * b for a, b in zip(m, m[::-1], strict=True))
