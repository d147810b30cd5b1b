// Bytes as people read them. A file of its own, because most commands print none.
import prettyBytes from 'pretty-bytes';

/** Formats bytes in powers of 1024. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}
