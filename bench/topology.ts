// Topology of a measurement: number of processes, and of worker threads in each.

export interface Topology {
  processes: number;
  /** Threads per process. */
  threads: number;
}

/** `1 thread`, `8 threads`, `4 × 2 threads`. */
export function topologyLabel({ processes, threads }: Topology): string {
  const count = threads === 1 ? '1 thread' : `${threads} threads`;
  return processes === 1 ? count : `${processes} × ${count}`;
}

export function isSameTopology(a: Topology, b: Topology): boolean {
  return a.processes === b.processes && a.threads === b.threads;
}
