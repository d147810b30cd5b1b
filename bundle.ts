// Makes what is published of the sources: few files, because opening each of two hundred is most of a short program's time.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/**
 * Writes the library, the program and the worker into `directory`, in the places that they have in the sources. What
 * they share is in `src/shared`. Dependencies stay outside.
 */
export async function bundle(directory: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/index.ts', 'src/build/index.ts', 'src/cli/main.ts', 'workers/compile.ts'],
    outbase: '.',
    outdir: directory,
    // As deep as those who find other files by their own place.
    chunkNames: 'src/shared/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'warning',
  });
}

if (import.meta.main) {
  const dist = `${ROOT}dist`;
  rmSync(dist, { recursive: true, force: true });
  await bundle(dist);
}
