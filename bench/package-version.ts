// Installed version of a package.
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** The version in the `package.json` of a package name, or of a file's URL. */
export function packageVersion(specifier: string): string {
  const manifest = findPackageJSON(specifier, import.meta.url);
  if (!manifest) throw new Error(`The package of ${specifier} is not installed.`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
