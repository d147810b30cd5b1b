// Projects of a workspace, as its manifests name them, and the places of ZMK's application and Zephyr in it.
//
//   config/west.yml      self: import ──► files beside it
//     projects: zmk      import ──► zmk/app/west.yml
//                                     projects: zephyr   import ──► zephyr/west.yml …
//
// In the layout of ZMK's own documentation the manifest is ZMK's: `app/west.yml`, in a workspace that is ZMK's clone.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isObject } from '../../cache/values/stored-json.ts';
import { isFile } from '../../system/paths.ts';
import { readWestConfig } from './west-config.ts';
import { manifestsAt, parseManifest } from './west-manifest.ts';

/** Limit on manifests read for one workspace; ZMK's own and its imports are three. */
const MAX_MANIFESTS = 100;

/** A project, as defined by the first manifest that names it. */
export interface ManifestProject {
  name: string;
  /** Its path in the workspace, with `/`. */
  path: string;
}

/** Places of a workspace that a build needs: relative, with `/`. */
export interface ZmkPlaces {
  /** The directory of ZMK's application, such as `zmk/app`, or `app` in ZMK's own clone. */
  application: string;
  zephyr: string;
}

/**
 * The projects of the workspace at `directory` in west's order: a manifest's imports beside it, then its own projects,
 * then the imports of these, recursively. A manifest that is missing, because west has not fetched its project yet,
 * names nothing. Throws `WorkspaceError` if it is not a workspace, or a manifest cannot be read.
 */
export async function* manifestProjects(directory: string): AsyncGenerator<ManifestProject> {
  const { manifestFile } = await readWestConfig(directory);
  const seen: Seen = { files: new Set(), names: new Set() };
  yield* projectsOf(directory, manifestFile, '', seen);
}

/** Projects that were already read: the first of each name counts. */
interface Seen {
  files: Set<string>;
  names: Set<string>;
}

/** The projects of one manifest, whose paths are below `prefix`. */
async function* projectsOf(
  directory: string,
  file: string,
  prefix: string,
  seen: Seen,
): AsyncGenerator<ManifestProject> {
  if (seen.files.has(file) || seen.files.size === MAX_MANIFESTS || !(await isFile(file))) return;
  seen.files.add(file);
  const content = await parseManifest(file);
  const manifest = isObject(content) && isObject(content.manifest) ? content.manifest : {};
  const self = isObject(manifest.self) ? manifest.self : {};
  for (const { file: named } of importsOf(self.import)) {
    for (const found of await manifestsAt(path.resolve(path.dirname(file), named))) {
      yield* projectsOf(directory, found, prefix, seen);
    }
  }
  const importing: { place: string; imports: Import[] }[] = [];
  for (const project of Array.isArray(manifest.projects) ? manifest.projects.filter(isObject) : []) {
    const name = String(project.name ?? '');
    if (name === '' || seen.names.has(name)) continue;
    seen.names.add(name);
    const place = path.posix.normalize(path.posix.join(prefix, String(project.path ?? name)));
    if (place.startsWith('..') || path.isAbsolute(place)) continue;
    yield { name, path: place };
    importing.push({ place, imports: importsOf(project.import) });
  }
  for (const { place, imports } of importing) {
    for (const { file: named, prefix: inner } of imports) {
      for (const found of await manifestsAt(path.resolve(directory, place, named))) {
        yield* projectsOf(directory, found, path.posix.join(prefix, inner), seen);
      }
    }
  }
}

/**
 * The places of ZMK and Zephyr in a workspace. The application is in the manifest's own repository if that is ZMK, else
 * in the project named `zmk`, else in the first project that holds it. West's settings name Zephyr's place, else the
 * manifest does. Undefined if ZMK is missing. Rejects with `WorkspaceError` if it is not a workspace.
 */
export async function zmkPlaces(directory: string): Promise<ZmkPlaces | undefined> {
  const { values, manifestFile } = await readWestConfig(directory);
  const own = path.relative(directory, path.dirname(manifestFile)).replaceAll(path.sep, '/');
  const isBelow = !own.startsWith('..') && !path.isAbsolute(own);
  const base = values.get('zephyr.base');
  let zephyr = [base, 'zephyr'].find(place => place !== undefined && existsSync(path.join(directory, place)));
  let application = isBelow && (await isApplication(path.dirname(manifestFile))) ? own || '.' : undefined;
  const others: string[] = [];
  if (application === undefined || zephyr === undefined) {
    for await (const project of manifestProjects(directory)) {
      const app = path.posix.join(project.path, 'app');
      if (project.name === 'zmk' && existsSync(path.join(directory, app, 'CMakeLists.txt')))
        application ??= app;
      else if (existsSync(path.join(directory, app, 'CMakeLists.txt'))) others.push(app);
      if (project.name === 'zephyr') zephyr ??= project.path;
      if (application !== undefined && zephyr !== undefined) break;
    }
  }
  for (const app of others) {
    if (application === undefined && (await isApplication(path.join(directory, app)))) application = app;
  }
  return application === undefined ? undefined : { application, zephyr: zephyr ?? 'zephyr' };
}

interface Import {
  file: string;
  /** Prefix of the imported projects' paths. */
  prefix: string;
}

/** The imports that `import:` lists: `true`, a file or directory, a map that names one, or a list of these. */
function importsOf(value: unknown): Import[] {
  return (Array.isArray(value) ? value : [value]).flatMap((one): Import[] => {
    if (one === true) return [{ file: 'west.yml', prefix: '' }];
    if (typeof one === 'string') return [{ file: one, prefix: '' }];
    if (!isObject(one)) return [];
    return [{ file: String(one.file ?? 'west.yml'), prefix: String(one['path-prefix'] ?? '') }];
  });
}

/** Whether a directory holds the CMake project of ZMK's application. */
async function isApplication(directory: string): Promise<boolean> {
  const text = await readFile(path.join(directory, 'CMakeLists.txt'), 'utf8').catch(() => '');
  return /^\s*project\s*\(\s*zmk\b/im.test(text);
}
