// One entry of the build matrix.

/** What one firmware is built from. Plain data: it crosses to worker threads and is part of the fingerprint. */
export interface Target {
  /** Zephyr board, such as `nice_nano_v2` or `nice_nano//zmk`. */
  board: string;
  /** One shield, or several parted by spaces, as `build.yaml` has it. */
  shield?: string;
  snippet?: string;
  /** Arguments for CMake, as one string, as `build.yaml` has it. */
  cmakeArgs?: string;
  /** File name without extension that the artifacts get. */
  artifactName: string;
}
