// Checks that `npm ci` can install the lock file on every platform: npm refuses one that lacks an optional package of
// another platform, and leaves such packages out when it writes the file from what is installed.
import { readFileSync } from 'node:fs';

const file = process.argv[2] ?? new URL('../package-lock.json', import.meta.url);
const { packages } = JSON.parse(readFileSync(file, 'utf8'));
const problems = [];

/** The entry that `name` means to the package at `path`: in its own directory, or the nearest one above. */
function resolve(path, name) {
  const found = packages[`${path && `${path}/`}node_modules/${name}`];
  if (found || path === '') return found;
  const above = path.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '');
  return resolve(above === path ? '' : above, name);
}

for (const [path, entry] of Object.entries(packages)) {
  if (/^https?:/.test(entry.resolved ?? ''))
    problems.push(`${path} has a download address: remove 'resolved'.`);
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const found = resolve(path, name);
    if (!found) {
      problems.push(
        `${path} may need ${name}@${version}, which has no entry. Add one with 'version', 'os', 'cpu', 'optional' and, where ${path} has it, 'dev'.`,
      );
    } else if (!found.version || !found.optional) {
      problems.push(`The entry of ${name}, which ${path} may need, lacks 'version' or 'optional'.`);
    }
  }
}

for (const problem of problems) process.stderr.write(`package-lock.json: ${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
