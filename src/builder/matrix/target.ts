// Target: one entry of the build matrix.

/** The parameters of one firmware. Plain data: it crosses to worker threads and is part of the fingerprint. */
export interface Target {
  /** Zephyr board, such as `nice_nano_v2` or `nice_nano//zmk`. */
  board: string;
  /** One shield, or several separated by spaces, as in `build.yaml`. */
  shield?: string;
  snippet?: string;
  /** Arguments for CMake in one string, as in `build.yaml`. */
  cmakeArgs?: string;
  /** File name of the artifacts, without extension. */
  artifactName: string;
}
