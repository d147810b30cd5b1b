// The package's own version. A separate module, because scripts ask for it often and should not wait for the rest to
// load.
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** The version in the package's own package.json, such as `0.1.0`. */
export function ownVersion(): string {
  const file = findPackageJSON(import.meta.url);
  const manifest: { version?: string } = file === undefined ? {} : JSON.parse(readFileSync(file, 'utf8'));
  return manifest.version ?? 'unknown';
}
