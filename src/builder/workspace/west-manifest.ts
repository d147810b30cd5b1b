// A west manifest (`west.yml`): which one a config has, what it says, and the digest by which workspaces are found.
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey, type KeyPart } from '../../cache/keys.ts';
import { isObject } from '../../cache/values/stored-json.ts';
import { yamlProblem } from '../../config/yaml-problem.ts';
import { isFile } from '../../system/paths.ts';
import { WorkspaceError } from './workspace-error.ts';

/** Bytes; Zephyr's own manifest is a hundredth of it. */
const MAX_MANIFEST = 4 * 1024 * 1024;

/** What is known of a manifest without asking anybody what its revisions mean today. */
export interface WestManifest {
  /** Absolute. */
  file: string;
  /**
   * Of what it means, and of the manifests beside it that it imports: comments, layout, and how remotes are named do not
   * count, nor where in its repository it is.
   */
  digest: string;
  /** The firmware's repository, such as `zmkfirmware/zmk`; `unknown` when the manifest does not say. */
  repository: string;
  /** Branch, tag or commit of it. */
  revision: string;
  /** Absolute paths of the manifest and of the files beside it that it imports. */
  files: string[];
}

/**
 * The manifest of a config, or undefined when it has none. Rejects like {@link readManifest}.
 *
 * @param configDirectory the directory with `build.yaml`
 * @param configPath where in it the keymaps are, and `west.yml` with them; it may also be beside `build.yaml`
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

/** Reads a manifest. Rejects with {@link WorkspaceError} when there is none that can be read. */
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

/** What a manifest says. Rejects with {@link WorkspaceError} when it cannot be read. */
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
  // Loaded when there is something to parse.
  const { parse: parseYaml } = await import('yaml');
  try {
    return parseYaml(text, { maxAliasCount: 100, schema: 'core' });
  } catch (error) {
    const reason = yamlProblem(error as Error);
    throw new WorkspaceError(`The manifest ${file} is not valid YAML: ${reason}.`, { cause: error });
  }
}

/** What is said, in a form that has a digest: without what YAML can say and JSON cannot. */
function plain(value: unknown): KeyPart {
  return JSON.parse(JSON.stringify(value ?? null)) as KeyPart;
}

/** What a manifest says without the ways to say it: each project with its address, revision and path. */
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
  // How much of the history is fetched changes nothing that is checked out.
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

/** The manifests that an import means: the file, or those of the directory; none when there is nothing. */
export async function manifestsAt(place: string): Promise<string[]> {
  const found = await lstat(place).catch(() => undefined);
  if (found?.isDirectory() !== true) return found ? [place] : [];
  const names = (await readdir(place)).filter(name => /\.ya?ml$/.test(name));
  return names.sort().map(name => path.join(place, name));
}

/** The repository that matters to a person: the project named zmk, else the first. */
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
