// Shared memory that is committed page by page, as it is used.

const PAGE = 64 * 1024;

// TypeScript's own library does not declare it without the DOM.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (size: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
  };
};

/**
 * At least so many bytes of shared memory, all 0. A large `SharedArrayBuffer` comes from the C library, which may give
 * memory that it has to clear first (seen here: 160 ms and 20 MB for an unused one). WebAssembly's memory comes from
 * the system, page by page as it is touched. A process whose address space is too limited to reserve that gets an
 * ordinary buffer.
 */
export function allocateShared(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  } catch {
    return new SharedArrayBuffer(pages * PAGE);
  }
}
