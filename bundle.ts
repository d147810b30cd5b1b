// Makes what is published of the sources: few files, because opening each of two hundred is most of a short program's time.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

// The one dependency that is part of the package: as it is published it consists of seventy files, and loading them was
// a sixth of a build that finds everything in the cache. Written for browsers, it is the same code as modules.
const YAML = './node_modules/yaml';

/**
 * Writes the library, the program, the worker and the manual page into `directory`, the first three in the places that
 * they have in the sources. What they share is in `src/shared`. Dependencies stay outside, but for `yaml`.
 */
export async function bundle(directory: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [
      'src/index.ts',
      'src/keyv.ts',
      'src/builder/index.ts',
      'src/cli/main.ts',
      'workers/compile.ts',
    ],
    outbase: '.',
    outdir: directory,
    // As deep as those who find other files by their own place.
    chunkNames: 'src/shared/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    alias: { yaml: `${YAML}/browser/index.js` },
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'warning',
  });
  // Only now, because those who import this file for another reason need nothing of it.
  const [{ manPage }, { Context }] = await Promise.all([
    import('./src/cli/man.ts'),
    import('./src/cli/context.ts'),
  ]);
  mkdirSync(`${directory}/man`, { recursive: true });
  writeFileSync(`${directory}/man/glovebox.1`, await manPage(new Context(process)));
  copyFileSync(`${ROOT}${YAML}/LICENSE`, `${directory}/src/shared/yaml.LICENSE`);
}

if (import.meta.main) {
  const dist = `${ROOT}dist`;
  rmSync(dist, { recursive: true, force: true });
  await bundle(dist);
}
