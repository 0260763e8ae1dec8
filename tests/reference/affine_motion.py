"""How what moves in a picture moves, cell by cell, of one picture."""

import numpy as np


def affine_motion(flow, still=0.01):
    """(rows, columns, 2M) fields → direction x, y, expansion, rotation and speed.

    Each is a sum over the cells, divided by all their speeds plus `still` a cell.
    """
    rows, columns, planes = flow.shape
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    fields = {
        cell: sum(flow[cell][m : m + 2].astype(float) for m in range(0, planes, 2))
        / (planes // 2)
        for cell in cells
    }
    mass = sum(np.linalg.norm(field) for field in fields.values())
    centre = sum(
        np.linalg.norm(fields[cell]) * np.array([cell[1], cell[0]]) for cell in cells
    )
    centre = centre / mass if mass else np.zeros(2)
    found = np.zeros(4)
    for row, column in cells:
        f = fields[row, column]
        r = np.array([column, row]) - centre
        r = r / np.linalg.norm(r) if np.any(r) else r
        found += [f[0], f[1], f @ r, r[0] * f[1] - r[1] * f[0]]
    found /= mass + still * len(cells)
    return np.array([*found, np.tanh(mass / (4 * len(cells) * still))])
