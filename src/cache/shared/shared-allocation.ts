// Shared memory of which only what is used is really there.

const PAGE = 64 * 1024;

// The types of the language alone do not know it.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (size: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
  };
};

/**
 * At least so many bytes of shared memory, all 0. A large `SharedArrayBuffer` comes from the C library, which may give
 * memory that it has to clear first (seen here: 160 ms and 20 MB for one that nobody had used yet). That of WebAssembly
 * comes from the system, page by page as it is touched. Where the process may not have as much address space as that
 * reserves, an ordinary one has to do.
 */
export function allocateShared(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  } catch {
    return new SharedArrayBuffer(pages * PAGE);
  }
}
