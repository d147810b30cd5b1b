// Stands in for west where workspaces are made: `update`, over real git, and as patient as a test wants.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

interface Project {
  name: string;
  remote: string;
  revision: string;
  path?: string;
  import?: string | boolean;
}
interface Manifest {
  manifest: { remotes: { name: string; 'url-base': string }[]; projects: Project[] };
}

const git = (directory: string, ...args: string[]) =>
  execFileSync('git', args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] }).toString();

const [command, ...args] = process.argv.slice(2);
if (command !== 'update') process.exit(2);
update(parse(readFileSync('config/west.yml', 'utf8')) as Manifest, new Set());

function update({ manifest }: Manifest, seen: Set<string>): void {
  for (const { name, remote, revision, path: place = name, import: imported } of manifest.projects) {
    if (seen.has(name)) continue;
    seen.add(name);
    process.stdout.write(`=== updating ${name} (${place}):\n`);
    // The test says where to stop.
    if (existsSync(path.join(process.env.HOME ?? '/', `hang-at-${name}`))) {
      process.stdout.write('hanging\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
    const url = `${manifest.remotes.find(one => one.name === remote)?.['url-base']}/${name}`;
    if (!existsSync(path.join(place, '.git'))) git('.', 'init', '-q', '--template=', place);
    const isHere = /^[0-9a-f]{40}$/.test(revision) && isPresent(place, revision);
    if (!isHere) {
      process.stdout.write(`--- ${name}: fetching, need revision ${revision}\n`);
      const options = args.filter(arg => arg.startsWith('-o=')).map(arg => arg.slice(3));
      try {
        git(place, 'fetch', '-q', '-f', ...options, '--', url, revision);
      } catch {
        process.stderr.write(`ERROR: update failed for project ${name}\n`);
        process.exit(1);
      }
    }
    git(place, 'update-ref', 'refs/heads/manifest-rev', isHere ? revision : 'FETCH_HEAD^{commit}');
    git(place, 'checkout', '-q', '--detach', 'refs/heads/manifest-rev');
    if (imported === undefined || imported === false) continue;
    const file = imported === true ? 'west.yml' : imported;
    update(parse(git(place, 'show', `refs/heads/manifest-rev:${file}`)) as Manifest, seen);
  }
}

function isPresent(directory: string, commit: string): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: directory, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
