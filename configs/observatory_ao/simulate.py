"""Makes the data of this folder: an 8 m telescope closes its adaptive-optics loop on a simulated star.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python simulate.py

It takes about a minute and writes, beside itself,
    frames.npy         uint16 [60, 256, 256]  the wavefront sensor's camera, one frame a millisecond, in closed loop
    reconstructor.npy  float32 [1024, 2048]   slopes (pixels) to commands (micrometres of mirror surface)
    offset.npy         float32 [1024]         minus the reconstructor times the slopes of a flat wavefront
    loop.csv           rms wavefront error of every frame, loop open and loop closed
    loop.png           the picture of it
Everything random is seeded: a second run gives the same arrays, up to the rounding of another
machine's FFT and BLAS. Physics by hcipy (MIT licence).

What is simulated
  Atmosphere  three frozen von Karman layers (hcipy.InfiniteAtmosphericLayer), Fried parameter 0.15 m
              at 500 nm (0.7 arcsec seeing), outer scale 25 m, winds of 8, 15 and 30 m/s.
  Telescope   8 m, central obscuration 14 %, sampled by 512 x 512 points.
  Mirror      32 x 32 actuators over the pupil, Gaussian influence functions, 15 % coupling.
  Sensor      32 x 32 lenslets of 192 um pitch, at 700 nm. The whole pupil passes the lenslet array and is
              propagated to its focal plane by Fresnel diffraction, so neighbouring spots overlap and interfere.
  Camera      8 x 8 pixels of 24 um a lenslet (a spot is two pixels wide), photon noise, 2 electrons of read
              noise, 0.25 electrons a count, an offset of 200 counts, 16 bits.
  Timing      1 kHz. Frame k sees the mirror as the command computed from frame k-1 left it; before frame 0 the
              mirror is flat, so that frame 0 is what an open loop sees.
  Open loop   the same atmosphere with the mirror left flat.
"""

import csv

import hcipy
import numpy as np

from control import (
    ACTUATORS,
    DARK_ADU,
    ELECTRONS_PER_ADU,
    FRAME_RATE_HZ,
    HERE,
    LENSLETS,
    STROKE_UM,
    TILE,
    Controller,
    slopes,
)

SEED = 20261122
FRAMES = 60

DIAMETER = 8.0  # m
OBSCURATION = 0.14
SAMPLES = 512  # across the pupil: two a camera pixel

FRIED_PARAMETER = 0.15  # m, at 500 nm
OUTER_SCALE = 25.0  # m
LAYERS = [  # share of the turbulence, wind along x and y in m/s
    (0.60, (8.0, 0.0)),
    (0.25, (-9.0, 12.0)),
    (0.15, (24.0, -18.0)),
]

WAVELENGTH = 700e-9  # m
PITCH = 192e-6  # m
FOCAL_LENGTH = 2 * PITCH**2 / (TILE * WAVELENGTH)  # a spot (wavelength x focal length / pitch) of two pixels
ELECTRONS_PER_LENSLET = 10_000
READ_NOISE = 2.0  # electrons

POKE_UM = 0.02  # of mirror surface
POKE_SPACING = 8  # actuators; those poked together do not reach each other's lenslets
LIT = 0.5  # a lenslet with less than this share of the full light is not used
SMOOTHNESS = 0.02  # weight of the commands' curvature against the slopes, see `reconstruct`


class Sensor:
    """Telescope pupil, lenslets and camera."""

    def __init__(self):
        self.pupil_grid = hcipy.make_pupil_grid(SAMPLES, DIAMETER)
        aperture = hcipy.make_obstructed_circular_aperture(DIAMETER, OBSCURATION)
        self.aperture = hcipy.evaluate_supersampled(aperture, self.pupil_grid, 4)
        magnification = PITCH * LENSLETS / DIAMETER
        self.relay = hcipy.Magnifier(magnification)
        sensor_grid = self.pupil_grid.scaled(magnification)
        lenslets = hcipy.make_uniform_grid([LENSLETS, LENSLETS], [PITCH * LENSLETS] * 2)
        self.lenslets = hcipy.MicroLensArray(sensor_grid, lenslets, FOCAL_LENGTH)
        self.propagation = hcipy.FresnelPropagator(sensor_grid, FOCAL_LENGTH)

        light = np.asarray(self.aperture.shaped)
        share = light.reshape(LENSLETS, SAMPLES // LENSLETS, LENSLETS, -1).mean(axis=(1, 3))
        self.lit = share > LIT
        self.electrons = ELECTRONS_PER_LENSLET * share.sum()

    def expose(self, path):
        """Mean photo-electrons of every pixel for an optical path difference over the pupil, in metres."""
        field = self.aperture * np.exp(2j * np.pi / WAVELENGTH * path)
        focus = self.propagation(self.lenslets(self.relay(hcipy.Wavefront(field, WAVELENGTH))))
        side = LENSLETS * TILE
        pixels = np.asarray(focus.power.shaped).reshape(side, SAMPLES // side, side, -1).sum(axis=(1, 3))
        return pixels * (self.electrons / pixels.sum())

    def read_out(self, electrons, rng):
        """What the camera delivers: noise, offset, quantisation."""
        detected = rng.poisson(electrons) + rng.normal(0.0, READ_NOISE, electrons.shape)
        counts = np.round(detected / ELECTRONS_PER_ADU + DARK_ADU)
        return np.clip(counts, 0, 65535).astype(np.uint16)

    def noiseless_slopes(self, path):
        """The slopes of a long, quiet exposure, for calibration."""
        return slopes(self.expose(path) / ELECTRONS_PER_ADU + DARK_ADU)

    def wavefront_error(self, path):
        """Root mean square of the path difference over the pupil without its mean, in nanometres."""
        mean = np.average(path, weights=self.aperture)
        return 1e9 * np.sqrt(np.average((path - mean) ** 2, weights=self.aperture))


class Mirror:
    """A deformable mirror commanded in micrometres of surface; light passes each displacement twice."""

    def __init__(self, pupil_grid):
        self.spacing = DIAMETER / (ACTUATORS - 1)
        influence = hcipy.make_gaussian_influence_functions(pupil_grid, ACTUATORS, self.spacing)
        self.mirror = hcipy.DeformableMirror(influence)

    def path(self, commands):
        """The optical path difference that the mirror adds, in metres."""
        self.mirror.actuators = -1e-6 * commands
        return 2 * self.mirror.surface


def atmosphere(pupil_grid):
    """The layers together; evolve_until(t) moves them with their winds."""
    strength = hcipy.Cn_squared_from_fried_parameter(FRIED_PARAMETER, 500e-9)
    layers = [
        hcipy.InfiniteAtmosphericLayer(pupil_grid, share * strength, OUTER_SCALE, wind, seed=SEED + index)
        for index, (share, wind) in enumerate(LAYERS)
    ]
    return hcipy.MultiLayerAtmosphere(layers)


def interaction(sensor, mirror):
    """Slopes per micrometre of each actuator, [2048, 1024], by push and pull.

    Actuators eight apart are poked together; each lenslet's answer belongs to the nearest of them.
    """
    actuator = (np.arange(ACTUATORS) - (ACTUATORS - 1) / 2) * mirror.spacing
    lenslet = (np.arange(LENSLETS) - (LENSLETS - 1) / 2) * DIAMETER / LENSLETS
    matrix = np.zeros((LENSLETS, LENSLETS, 2, ACTUATORS, ACTUATORS))
    every = np.arange(LENSLETS)
    for row in range(POKE_SPACING):
        for column in range(POKE_SPACING):
            poke = np.zeros((ACTUATORS, ACTUATORS))
            poke[row::POKE_SPACING, column::POKE_SPACING] = POKE_UM
            push = sensor.noiseless_slopes(mirror.path(-poke.ravel()))
            pull = sensor.noiseless_slopes(mirror.path(poke.ravel()))
            answer = ((push - pull) / (2 * POKE_UM)).reshape(LENSLETS, LENSLETS, 2)
            rows = row + POKE_SPACING * nearest(lenslet, actuator[row::POKE_SPACING])
            columns = column + POKE_SPACING * nearest(lenslet, actuator[column::POKE_SPACING])
            for axis in range(2):
                matrix[every[:, None], every, axis, rows[:, None], columns] = answer[:, :, axis]
    return matrix.reshape(2 * LENSLETS**2, ACTUATORS**2)


def nearest(points, candidates):
    """For each point the index of the nearest candidate."""
    return np.abs(points[:, None] - candidates).argmin(axis=1)


def reconstruct(matrix, lit):
    """Regularised least squares, commands from slopes: minimises |M c - s|^2 + w |L c|^2.

    L is the curvature of the commands on their grid; its square stands for the inverse covariance of turbulence
    (Ellerbroek 2002, JOSA A 19, 1803). It settles what the sensor does not see: actuators without light follow
    their neighbours, waffle is suppressed. A still smaller weight on c itself settles piston. Lenslets without
    light get zero columns.
    """
    used = np.repeat(lit.ravel(), 2)
    seen = matrix * used[:, None]
    one = 2 * np.eye(ACTUATORS) - np.eye(ACTUATORS, k=1) - np.eye(ACTUATORS, k=-1)
    one[0, 0] = one[-1, -1] = 1
    curvature = np.kron(one, np.eye(ACTUATORS)) + np.kron(np.eye(ACTUATORS), one)
    normal = seen.T @ seen
    scale = np.trace(normal) / len(normal)
    normal += scale * (SMOOTHNESS * curvature.T @ curvature + 1e-4 * np.eye(len(normal)))
    return np.linalg.solve(normal, seen.T)


def run(sensor, mirror, controller, rng):
    """Closes the loop. Gives the frames, the commands and the wavefront errors open and closed."""
    air = atmosphere(sensor.pupil_grid)
    commands = np.zeros(ACTUATORS**2)
    frames, sent, errors = [], [], []
    for index in range(FRAMES):
        air.evolve_until(index / FRAME_RATE_HZ)
        turbulence = air.phase_for(WAVELENGTH) * WAVELENGTH / (2 * np.pi)
        residual = turbulence + mirror.path(commands)
        errors.append((sensor.wavefront_error(turbulence), sensor.wavefront_error(residual)))
        frame = sensor.read_out(sensor.expose(residual), rng)
        commands = controller.step(frame)
        frames.append(frame)
        sent.append(commands)
        print(f"frame {index:2}: open {errors[-1][0]:6.0f} nm, closed {errors[-1][1]:6.0f} nm", flush=True)
    return np.array(frames), np.array(sent), np.array(errors)


def draw(frames, commands, errors):
    """loop.png: the error over time, the last frame, the last commands."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import PowerNorm

    plt.rcParams.update(
        {"font.size": 11, "axes.titlesize": 12, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (time, image, shape) = plt.subplots(
        1, 3, figsize=(13, 3.9), width_ratios=(1.45, 1, 1.08), layout="constrained"
    )
    milliseconds = np.arange(len(errors)) * 1e3 / FRAME_RATE_HZ
    time.plot(milliseconds, errors[:, 0], color="#b8442f", lw=2)
    time.plot(milliseconds, errors[:, 1], color="#1f5fa8", lw=2)
    for column, label, color, above in ((0, "open", "#b8442f", 8), (1, "closed", "#1f5fa8", -19)):
        last = errors[-1, column]
        time.annotate(
            f"loop {label}: {last:.0f} nm",
            (milliseconds[-1], last),
            (0, above),
            color=color,
            textcoords="offset points",
            ha="right",
        )
    time.set(
        xlabel="time (ms)",
        ylabel="rms wavefront error (nm)",
        yscale="log",
        xlim=(0, milliseconds[-1]),
        ylim=(errors.min() * 0.6, errors.max() * 1.6),
        title="The commands flatten the wavefront",
    )
    ticks = [
        t for t in (20, 50, 100, 200, 500, 1000, 2000, 5000) if errors.min() * 0.6 <= t <= errors.max() * 1.6
    ]
    time.set_yticks(ticks, [str(t) for t in ticks])
    time.minorticks_off()
    time.grid(axis="y", color="#dddddd", lw=0.7)

    electrons = (frames[-1].astype(float) - DARK_ADU) * ELECTRONS_PER_ADU
    shown = image.imshow(
        electrons, cmap="gray", norm=PowerNorm(0.5, vmin=0, vmax=np.percentile(electrons, 99.9))
    )
    image.set(
        title="Last camera frame",
        xlabel="x (pixels)",
        ylabel="y (pixels)",
        xticks=(0, 64, 128, 192, 255),
        yticks=(0, 64, 128, 192, 255),
    )
    figure.colorbar(shown, ax=image, label="photo-electrons", shrink=0.8)

    limit = np.abs(commands[-1]).max()
    shown = shape.imshow(commands[-1].reshape(ACTUATORS, ACTUATORS), cmap="RdBu_r", vmin=-limit, vmax=limit)
    shape.set(
        title="Last mirror commands",
        xlabel="actuator in x",
        ylabel="actuator in y",
        xticks=(0, 8, 16, 24, 31),
        yticks=(0, 8, 16, 24, 31),
    )
    figure.colorbar(shown, ax=shape, label="surface (µm)", shrink=0.8)
    figure.savefig(HERE / "loop.png", dpi=110)


def main():
    sensor = Sensor()
    mirror = Mirror(sensor.pupil_grid)
    matrix = interaction(sensor, mirror)
    flat = sensor.noiseless_slopes(sensor.pupil_grid.zeros())
    # The loop runs on the very numbers that are written, rounded to float32.
    reconstructor = reconstruct(matrix, sensor.lit).astype(np.float32)
    offset = (-(reconstructor.astype(np.float64) @ flat)).astype(np.float32)
    frames, commands, errors = run(
        sensor, mirror, Controller(reconstructor, offset), np.random.default_rng(SEED)
    )

    np.save(HERE / "frames.npy", frames)
    np.save(HERE / "reconstructor.npy", reconstructor)
    np.save(HERE / "offset.npy", offset)
    with open(HERE / "loop.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", "open_nm", "closed_nm"])
        writer.writerows([index, f"{a:.1f}", f"{b:.1f}"] for index, (a, b) in enumerate(errors))
    draw(frames, commands, errors)
    clipped = np.count_nonzero(np.abs(commands) >= STROKE_UM)
    print(f"brightest pixel {frames.max()} counts; {clipped} of {commands.size} commands at the stroke limit")


if __name__ == "__main__":
    main()
