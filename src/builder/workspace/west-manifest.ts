// West manifest (`west.yml`): its lookup in a config, its content, and the digest that identifies workspaces.
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import { isObject } from '../../cache/values/stored-json.ts';
import { yamlProblem } from '../../config/yaml-problem.ts';
import { isFile } from '../../system/paths.ts';
import { WorkspaceError } from './workspace-error.ts';

/** Bytes; Zephyr's own manifest is a hundredth of that. */
const MAX_MANIFEST = 4 * 1024 * 1024;

/** A manifest, before its revisions are resolved. */
export interface WestManifest {
  /** Absolute. */
  file: string;
  /**
   * Digest of its meaning, including the manifests beside it that it imports. Comments, layout, names of remotes and
   * its place in the repository do not count.
   */
  digest: string;
  /** The firmware's repository, such as `zmkfirmware/zmk`; `unknown` if the manifest does not name it. */
  repository: string;
  /** Its branch, tag or commit. */
  revision: string;
  /** Absolute paths of the manifest and of the files beside it that it imports. */
  files: string[];
}

/**
 * The manifest of a config, or undefined if it has none. Rejects like {@link readManifest}.
 *
 * @param configDirectory the directory with `build.yaml`
 *
 * @param configPath the directory of the keymaps and of `west.yml`, relative to it; `west.yml` may also be beside
 * `build.yaml`
 */
export async function configManifest(
  configDirectory: string,
  configPath = 'config',
): Promise<WestManifest | undefined> {
  for (const place of [configPath, '.']) {
    const file = path.resolve(configDirectory, place, 'west.yml');
    if (await isFile(file)) return readManifest(file);
  }
  return undefined;
}

/** Reads a manifest. Rejects with {@link WorkspaceError} if it is missing or unreadable. */
export async function readManifest(file: string): Promise<WestManifest> {
  const content = await parseManifest(file);
  const files = [file];
  const imported: [string, unknown][] = [];
  for (const name of importsOfSelf(content)) {
    for (const found of await manifestsAt(path.resolve(path.dirname(file), name))) {
      files.push(found);
      imported.push([path.relative(path.dirname(file), found), meaningOf(await parseManifest(found))]);
    }
  }
  const digest = await cacheKey('manifest', plain(meaningOf(content)), plain(imported));
  return { file, digest, files, ...firmware(content) };
}

/** The parsed content of a manifest. Rejects with {@link WorkspaceError} if it cannot be read. */
export async function parseManifest(file: string): Promise<unknown> {
  let text: string;
  try {
    if ((await stat(file)).size > MAX_MANIFEST) throw new Error('it is too large');
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new WorkspaceError(`The manifest ${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  // Loaded only if there is something to parse.
  const { parse: parseYaml } = await import('yaml');
  try {
    return parseYaml(text, { maxAliasCount: 100, schema: 'core' });
  } catch (error) {
    const reason = yamlProblem(error as Error);
    throw new WorkspaceError(`The manifest ${file} is not valid YAML: ${reason}.`, { cause: error });
  }
}

/** The content as JSON data, which has a digest: without what only YAML can express. */
function plain(value: unknown): KeyPart {
  return JSON.parse(JSON.stringify(value ?? null)) as KeyPart;
}

/** The meaning of a manifest, regardless of its form: each project with its address, revision and path. */
function meaningOf(content: unknown): unknown {
  if (!isObject(content) || !isObject(content.manifest)) return content;
  const { remotes, defaults, projects, self, version: _, ...others } = content.manifest;
  const { path: __, ...own } = isObject(self) ? self : {};
  const named = { remotes: listed(remotes), defaults: isObject(defaults) ? defaults : {} };
  return { ...others, self: own, projects: listed(projects).map(project => projectOf(project, named)) };
}

function projectOf(
  project: Record<string, unknown>,
  { remotes, defaults }: { remotes: Record<string, unknown>[]; defaults: Record<string, unknown> },
): Record<string, unknown> {
  // The depth of the fetched history does not change the checkout.
  const { remote, 'repo-path': below, 'clone-depth': _, description: __, ...others } = project;
  const base = remotes.find(({ name }) => name === (remote ?? defaults.remote))?.['url-base'];
  const url = String(project.url ?? `${base ?? ''}/${below ?? project.name}`);
  return {
    ...others,
    url: url
      .replace(/([^:/])\/{2,}/g, '$1/')
      .replace(/\/+$/, '')
      .replace(/\.git$/, ''),
    revision: String(project.revision ?? defaults.revision ?? 'master'),
    path: project.path ?? project.name,
  };
}

function listed(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** `manifest.self.import`: files or directories in the manifest's own repository. */
function importsOfSelf(content: unknown): string[] {
  const manifest = isObject(content) ? content.manifest : undefined;
  const self = isObject(manifest) ? manifest.self : undefined;
  const imports = isObject(self) ? self.import : undefined;
  return (Array.isArray(imports) ? imports : [imports])
    .map(one => (isObject(one) ? one.file : one))
    .filter(one => typeof one === 'string');
}

/** The manifest files of an import: the file, or those in the directory; empty if nothing exists. */
export async function manifestsAt(place: string): Promise<string[]> {
  const found = await lstat(place).catch(() => undefined);
  if (found?.isDirectory() !== true) return found ? [place] : [];
  const names = (await readdir(place)).filter(name => /\.ya?ml$/.test(name));
  return names.sort().map(name => path.join(place, name));
}

/** The repository of the firmware: the project named zmk, else the first. */
function firmware(content: unknown): { repository: string; revision: string } {
  const manifest = isObject(content) && isObject(content.manifest) ? content.manifest : {};
  const defaults = isObject(manifest.defaults) ? manifest.defaults : {};
  const projects = listed(manifest.projects);
  const project = projects.find(({ name }) => name === 'zmk') ?? projects[0];
  if (project === undefined)
    return { repository: 'unknown', revision: String(defaults.revision ?? 'master') };
  const { url, revision } = projectOf(project, { remotes: listed(manifest.remotes), defaults });
  return { repository: shortUrl(String(url)) || 'unknown', revision: String(revision) };
}

/** `zmkfirmware/zmk` for `https://github.com/zmkfirmware/zmk.git`. */
export function shortUrl(url: string): string {
  return url
    .replace(/\.git$/, '')
    .split(/[/:]/)
    .filter(part => part !== '')
    .slice(-2)
    .join('/');
}
