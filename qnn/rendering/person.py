# SPDX-License-Identifier: Apache-2.0
"""Made-up people: head, skin, eyes, how they fold and move, hair and glasses, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qnn.rendering.arrays import Floats
from qnn.rendering.hair import Hair, make_hair, without_hair
from qnn.rendering.head import Head
from qnn.rendering.obstacles import Glasses, make_glasses
from qnn.rendering.skin import beard_density, brow_density, paint_skin
from qnn.rendering.wrinkles import AT_REST, FOLDS, VARIANTS

BALD, SMOOTH, FAINT, TOOTHLESS = 0.25, 0.5, 0.4, 0.25
"""Shares of the people in a set of faces who lose their hair, whose skin hardly folds, whose brows are faint, and whose
teeth do not show."""
LEFT_OF_FOLDS, LEFT_OF_BROWS = (-0.3, 0.6), (0.2, 0.7)
"""What smooth skin keeps of its folds, none where it is below 0, and faint brows of their strength."""
PARTS = ("head", "eye", "nose", "mouth", "chin", "cheek", "forehead", "brow", "neck")
KEPT_PARTS = (
    "ear-", "head-trans", "head-back", "head-angle", "laugh", "neck-trans", "measure-neck", "-trans-out", "age",
)  # fmt: skip
"""Local changes that vary, by parts of their names, and among them those that do not."""
SPREADS = {"mouth-trans-up": 0.5, "eye-trans-up": 0.4, "trans-forward": 0.5, "head-fat": 1.3}
"""Of some, beside the others'."""


@dataclass(frozen=True)
class Person:
    """One made-up person.

    Attributes:
        vertices: float32 (V, 3), the head at rest, metres.
        mobility: float32 (V, 3), by how much its corners follow facial actions, about 1.
        albedo: float32 chart: part of the light that skin with brows and beard gives back.
        hair: Hair.
        glasses: Glasses, None for none.
        skin: The skin's tone, 0.07 very dark to 0.66 very light.
        surface: Darkness of lips and lashes, tones of iris, sclera and teeth, the iris' radius in the eyeball's, gloss.
        depths: Per fold, how deep the skin folds at AU weight 1.
        at_rest: Per fold, how deep it is in the face at rest.
        variant: Which irregularities folds have.
        female: 0 male, 1 female.
        age: anny's phenotype: 0.33 a child, 0.67 a grown-up, 1 old.
    """

    vertices: Floats
    mobility: Floats
    albedo: Floats
    hair: Hair
    glasses: Glasses | None
    skin: float
    surface: dict[str, float]
    depths: dict[str, float]
    at_rest: dict[str, float]
    variant: int
    female: float
    age: float


def make_person(head: Head, rng: np.random.Generator, brows: float = 1.0) -> Person:
    """A person drawn at random: ages from children on, all skin tones, hair, brows so strong, beards, glasses."""
    female = float(np.clip(rng.normal(0.5, 0.45), 0, 1))
    ages = (rng.uniform(0.30, 0.5), rng.uniform(0.55, 0.75), rng.uniform(0.72, 1.0))
    age = float(rng.choice(ages, p=[0.17, 0.5, 0.33]))
    old = float(np.clip((age - 0.62) / 0.38, 0, 1))
    vertices = _shape(head, rng, female, age)
    skin = float(np.exp(rng.uniform(np.log(0.07), np.log(0.66))))
    hair = make_hair(head, rng, skin, female, old)
    albedo = paint_skin(rng, skin, old)
    brow = np.float32(brows) * brow_density(rng, female)
    brow_tone = min(min(hair.tone, 0.12) * rng.uniform(0.6, 1.3), skin * rng.uniform(0.08, 0.35))
    albedo = albedo * (1 - brow) + brow_tone * brow
    if female < 0.45 and age > 0.55 and rng.random() < 0.5:
        beard = beard_density(rng)
        albedo = albedo * (1 - beard) + min(hair.tone * rng.uniform(0.8, 1.3), skin * 0.8) * beard
    depth = float(np.clip(rng.normal(0.75 + 0.75 * old - (0.35 if age < 0.5 else 0), 0.22), 0.2, 1.8))
    names = sorted({name for drawn in FOLDS.values() for name in drawn})
    at_rest = {name: float(depth * old * rng.uniform(0, 0.5)) for name in AT_REST}
    if rng.random() < 0.2:
        at_rest[str(rng.choice(AT_REST))] = float(depth * rng.uniform(0, 0.4))
    at_rest["bags"] = float(rng.uniform(0, 0.5) + 0.6 * old * rng.random())
    return Person(
        vertices=vertices,
        mobility=np.asarray(1 + _swell(head, rng, 0.10, 0.10), np.float32),
        albedo=np.clip(albedo, 0.006, 0.95).astype(np.float32),
        hair=hair,
        glasses=make_glasses(rng) if rng.random() < 0.2 else None,
        skin=skin,
        surface=_surface(rng, female > 0.5 and age > 0.5 and rng.random() < 0.5, old),
        depths={name: float(depth * rng.uniform(0.5, 1.35)) for name in names},
        at_rest=at_rest,
        variant=int(rng.integers(VARIANTS)),
        female=female,
        age=age,
    )


def make_varied_person(head: Head, rng: np.random.Generator) -> Person:
    """A person for a set of faces: many lack folds or strong brows, so that shape must tell an AU."""
    person = make_person(head, rng, float(rng.uniform(*LEFT_OF_BROWS)) if rng.random() < FAINT else 1.0)
    if rng.random() < BALD:
        person = replace(person, hair=without_hair(person.hair))
    if rng.random() < SMOOTH:
        left = max(float(rng.uniform(*LEFT_OF_FOLDS)), 0.0)
        depths, at_rest = ({name: left * depth for name, depth in of.items()} for of in (person.depths, person.at_rest))
        person = replace(person, depths=depths, at_rest=at_rest)
    surface = person.surface | {"iris_radius": float(rng.uniform(0.33, 0.46)), "sclera": float(rng.uniform(0.45, 0.8))}
    if rng.random() < TOOTHLESS:
        surface["teeth"] = 0.05
    return replace(person, surface=surface)


def _shape(head: Head, rng: np.random.Generator, female: float, age: float) -> Floats:
    """A head: anny's phenotypes and local changes, left and right not quite alike, and a swell of its own."""
    ancestry = rng.dirichlet([0.5, 0.5, 0.5])
    phenotypes = {
        "gender": 1 - female,
        "age": age,
        "weight": float(rng.beta(1.6, 1.6)),
        "muscle": float(rng.uniform(0.15, 0.85)),
        "proportions": float(rng.random()),
        **dict(zip(("african", "asian", "caucasian"), map(float, ancestry), strict=True)),
    }
    local: dict[str, float] = {}
    spread = rng.uniform(0.12, 0.36)
    for name in head.local_changes:
        if name.startswith("r-") or any(p in name for p in KEPT_PARTS) or not any(p in name for p in PARTS):
            continue
        share = next((share for part, share in SPREADS.items() if part in name), 1.0)
        local[name] = float(np.clip(rng.normal(0, spread * share), -0.8, 0.8))
        if name.startswith("l-"):
            local["r-" + name[2:]] = float(np.clip(local[name] + rng.normal(0, 0.05), -0.9, 0.9))
    return head.centred(head.shape(phenotypes, local) + _swell(head, rng, 0.0012, 0.0005))


def _swell(head: Head, rng: np.random.Generator, even: float, uneven: float) -> Floats:
    """Smooth offsets (V, 3), sums of Gaussians over some centimetres; the first part is alike on both sides."""
    c = head.canonical
    offsets = np.zeros_like(c)
    for size, mirrored in ((even, True), (uneven, False)):
        for _ in range(10):
            centre = rng.uniform((0 if mirrored else -0.07, -0.04, -0.11), (0.07, 0.06, 0.06))
            size_m, push = rng.uniform(0.018, 0.045), rng.normal(0, size, 3)
            for side in (1, -1) if mirrored else (1,):
                at = np.array([side, 1, 1])
                distance = ((c - centre * at) ** 2).sum(1)
                offsets += np.exp(-distance / (2 * size_m**2))[:, np.newaxis] * (push * (at if size < 0.01 else 1))
    return np.asarray(offsets, np.float32)


def _surface(rng: np.random.Generator, made_up: bool, old: float) -> dict[str, float]:
    """What lips, eyes and teeth are like."""
    dark = rng.uniform(0.012, 0.05) if rng.random() < 0.65 else rng.uniform(0.05, 0.22)
    return {
        "lips": float(rng.uniform(0.35, 0.65) if made_up else rng.uniform(0.02, 0.38)),
        "lashes": float(rng.uniform(0.75, 0.98) if made_up else rng.uniform(0.35, 0.85)),
        "iris": float(dark),
        "sclera": float(rng.uniform(0.50, 0.74)),
        "iris_radius": float(rng.uniform(0.33, 0.40)),
        "gloss": float(rng.uniform(0.0, 1.0) ** 2 * 0.35 + 0.02),
        "teeth": float(rng.uniform(0.40, 0.80) - 0.15 * old),
    }
