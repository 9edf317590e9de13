# SPDX-License-Identifier: Apache-2.0
"""The rasteriser against geometry that can be said: coverage, order, sides, cut-outs, normals, shadows."""

from __future__ import annotations

import numpy as np

from qnn.rendering.mesh import HAIR, SKIN, TEETH, strip
from qnn.rendering.raster import light_reaching, rasterise, vertex_normals

SIZE = 16


def draw(
    points: list[tuple[float, float, float]], faces: list[tuple[int, int, int]], *kinds: int, hairy: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle, weights and inverse depth of every pixel."""
    near, triangle = np.zeros((SIZE, SIZE), np.float32), np.full((SIZE, SIZE), -1, np.int32)
    weights = np.zeros((SIZE, SIZE, 2), np.float32)
    corners = np.array(points, np.float32)
    cutout = np.zeros((4, 4), np.float32)
    cutout[:, 2:] = 1
    chart = corners[:, 1::-1] / np.float32(4)
    rasterise(
        corners,
        np.array(faces, np.int32),
        np.array(kinds, np.int32),
        np.ascontiguousarray(cutout),
        np.ascontiguousarray(chart),
        np.full(len(corners), hairy, np.float32),
        near,
        triangle,
        weights,
    )
    return triangle, weights, near


SQUARE = [(0.0, 0.0, 1.0), (16.0, 0.0, 1.0), (0.0, 16.0, 1.0), (16.0, 16.0, 1.0)]
FRONT = [(0, 2, 1), (1, 2, 3)]
"""Counterclockwise with rows downwards."""


def test_two_triangles_fill_their_square() -> None:
    triangle, weights, near = draw(SQUARE, FRONT, SKIN, SKIN)
    assert set(np.unique(triangle)) == {0, 1} and (near == 1).all()
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    first = triangle == 0
    np.testing.assert_array_equal(first | (x + y > SIZE - 1e-6), True)
    np.testing.assert_allclose(weights[..., 0][first], (1 - (x + y) / SIZE)[first], atol=1e-6)
    np.testing.assert_allclose(weights[..., 1][first], (y / SIZE)[first], atol=1e-6)


def test_the_nearer_triangle_hides_the_other_in_any_order() -> None:
    nearer = [(x, y, 2.0) for x, y, _ in SQUARE]
    for first, second, seen in ((SQUARE, nearer, 2), (nearer, SQUARE, 0)):
        triangle, _, near = draw([*first, *second], [*FRONT, (4, 6, 5), (5, 6, 7)], *4 * [SKIN])
        assert (near == 2).all() and set(np.unique(triangle)) == {seen, seen + 1}


def test_skin_is_seen_from_outside_only_and_teeth_from_both_sides() -> None:
    back = [(0, 1, 2), (1, 3, 2)]
    assert (draw(SQUARE, back, SKIN, SKIN)[0] == -1).all()
    assert (draw(SQUARE, back, TEETH, TEETH)[0] >= 0).all()


def test_hair_is_cut_out_by_the_chart_unless_it_grows_there() -> None:
    triangle = draw(SQUARE, FRONT, HAIR, HAIR)[0]
    np.testing.assert_array_equal(triangle >= 0, np.arange(SIZE)[np.newaxis] >= SIZE // 2 + np.zeros((SIZE, 1), int))
    assert (draw(SQUARE, FRONT, HAIR, HAIR, hairy=1.0)[0] >= 0).all()


def test_what_leaves_the_picture_is_cut_off() -> None:
    triangle, _, _ = draw([(-50.0, -50.0, 1.0), (-50.0, 90.0, 1.0), (90.0, -50.0, 1.0)], [(0, 1, 2)], SKIN)
    assert (triangle == 0).all()
    assert (draw([(0.0, 0.0, 1.0), (8.0, 8.0, 1.0), (16.0, 16.0, 1.0)], [(0, 1, 2)], SKIN)[0] == -1).all(), "a line"


def plane(z: float, half: float) -> np.ndarray:
    """A grid of 9 x 9 corners at a height."""
    x, y = np.meshgrid(np.linspace(-half, half, 9), np.linspace(-half, half, 9))
    return np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3).astype(np.float32)


def test_normals_of_a_plane_and_of_a_ball() -> None:
    np.testing.assert_allclose(np.abs(vertex_normals(plane(0, 1), strip(9, 9))), np.tile([0, 0, 1], (81, 1)), atol=1e-6)
    turn, height = np.meshgrid(np.linspace(0, 2 * np.pi, 41), np.linspace(-1.2, 1.2, 21))
    ball = np.stack([np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)], -1)
    points = np.ascontiguousarray(ball.reshape(-1, 3), np.float32)
    inner = (np.abs(height) < 1).reshape(-1) & (np.abs(turn - np.pi) < 3).reshape(-1)
    assert (np.abs((vertex_normals(points, strip(21, 41)) * points).sum(1))[inner] > 0.99).all()


def test_a_small_plane_shades_the_middle_of_a_large_one() -> None:
    vertices = np.concatenate([plane(0.0, 0.1), plane(0.05, 0.04)])
    faces = np.concatenate([strip(9, 9), strip(9, 9) + np.int32(81)])
    lit = light_reaching(vertices, faces, np.array([0, 0, 1], np.float32))
    beyond = np.abs(vertices[:81, :2]).max(1)
    assert (lit[81:] == 1).all() and (lit[:81][beyond < 0.03] == 0).all() and (lit[:81][beyond > 0.05] == 1).all()
    from_side = light_reaching(vertices, faces, np.array([0.7071, 0, 0.7071], np.float32))
    assert from_side[:81][vertices[:81, 0] < -0.08].min() > 0.9, "the shadow has moved"
    assert from_side[:81][(np.abs(vertices[:81, 0] + 0.05) < 0.01) & (np.abs(vertices[:81, 1]) < 0.02)].max() == 0
