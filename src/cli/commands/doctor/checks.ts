// Checks of the machine for `glovebox doctor`.
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findProgram } from '../../../builder/toolchains/programs.ts';
import type { ToolchainQuery } from '../../../builder/toolchains/toolchain-status.ts';
import { isForAll, sharedRemedy } from '../../../cache/storage/sqlite/directory.ts';
import { pickEnvironment } from '../../../config/environment.ts';
import type { CommandToolchainOptions, ToolchainKind } from '../../../config/toolchain-options.ts';
import { cacheOptionsFor, type UserConfig } from '../../../config/user-config.ts';
import type { Context } from '../../context.ts';
import { existingTags, openCaches, resolveCacheRoot } from '../../open-caches.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { plural } from '../../terminal/text.ts';
import { findQuarantined } from '../cache/quarantine.ts';
import { examineRemote } from './remote.ts';

/** In the order in which a build tries them. */
const TOOLCHAIN_KINDS: readonly ToolchainKind[] = ['command', 'west', 'container'];

/** Result of one check. */
export interface DoctorFinding {
  /** Subject of the check, such as `Node` or `toolchain west`. */
  name: string;
  /** `absent`: missing, but not needed. `problem`: builds will not work. */
  status: 'ok' | 'absent' | 'warning' | 'problem';
  /** Details of the result. */
  detail: string;
  /** Remedy for the reader. */
  remedy?: string;
}

/** Runs all checks. A failure becomes a finding, never an error. */
export async function examine(context: Context, flags: { cacheDir?: string }): Promise<DoctorFinding[]> {
  const { config, finding: configFinding } = await examineConfig(context);
  return [
    { name: 'Node', status: 'ok', detail: `${process.versions.node} (${process.platform} ${process.arch})` },
    await examineSqlite(),
    configFinding,
    await examineCacheDirectory(context, flags, config),
    ...(await examineQuarantine(context, flags)),
    ...(await examineIncremental(context, flags)),
    ...(await examineRemote(context, flags, config)),
    ...(await examineToolchains(context, flags, config)),
  ];
}

async function examineSqlite(): Promise<DoctorFinding> {
  try {
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(':memory:');
    const version = database.prepare('SELECT sqlite_version()').pluck().get();
    database.close();
    return { name: 'SQLite', status: 'ok', detail: String(version) };
  } catch (error) {
    return {
      name: 'SQLite',
      status: 'problem',
      detail: message(error),
      remedy: 'Install glovebox again (npm install), with the Node that runs it.',
    };
  }
}

async function examineConfig(context: Context): Promise<{ config?: UserConfig; finding: DoctorFinding }> {
  try {
    const { loadUserConfig } = await import('../../../config/load-user-config.ts');
    const config = await loadUserConfig({ directory: context.cwd });
    const detail = config.sources.length > 0 ? config.sources.join(', ') : 'no file, so the defaults apply';
    return { config, finding: { name: 'config', status: 'ok', detail } };
  } catch (error) {
    return { finding: { name: 'config', status: 'problem', detail: message(error) } };
  }
}

async function examineCacheDirectory(
  context: Context,
  flags: { cacheDir?: string },
  config: UserConfig | undefined,
): Promise<DoctorFinding> {
  const name = 'cache';
  let root = '';
  try {
    if (config !== undefined && cacheOptionsFor(config, 'firmware').enabled === false) {
      const remedy =
        'Unset GLOVEBOX_CACHE_DISABLED (or its variant for a tag), or set cache.enabled in the config file.';
      return { name, status: 'warning', detail: 'disabled, so everything is compiled every time', remedy };
    }
    root = await resolveCacheRoot(context, flags);
    const place = await nearestExisting(root);
    if (!place.directory) {
      const remedy = 'Move that file away, or name another directory with GLOVEBOX_CACHE_DIR.';
      return { name, status: 'warning', detail: `${place.path} is not a directory`, remedy };
    }
    if (!(await isAllowed(place.path, constants.W_OK | constants.X_OK))) {
      const remedy = 'Nothing is cached until you make it writable or name another with GLOVEBOX_CACHE_DIR.';
      return { name, status: 'warning', detail: `${place.path} is not writable`, remedy };
    }
    if (place.path !== root) {
      return { name, status: 'ok', detail: `${root}, created by the first build` };
    }
    const mode = (await stat(root)).mode & 0o1777;
    if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
      const remedy = isForAll(mode)
        ? `Nothing is cached, because ${sharedRemedy(root)}.`
        : `Others could change what you build, so nothing is cached. Run: chmod go-w '${root}'`;
      return { name, status: 'warning', detail: `${root} has mode ${mode.toString(8)}`, remedy };
    }
    const { content, unusable } = await cacheContent(context, root);
    if (unusable !== undefined) {
      return { name, status: 'warning', detail: `${root} cannot be used: ${unusable}` };
    }
    const kept = [...(await keptWorkspaces(root)), ...(await keptBuilds(root))];
    return { name, status: 'ok', detail: [root, content, ...kept].join(', ') };
  } catch (error) {
    return { name, status: 'warning', detail: `${root} ${message(error)}`.trim() };
  }
}

/**
 * The stored content, or the reason that nothing can be stored. A build without a cache works, but compiles everything.
 */
async function cacheContent(
  context: Context,
  root: string,
): Promise<{ content: string; unusable?: string | undefined }> {
  // Warnings of the cache become findings.
  context.onWarning = () => {};
  const tags = await existingTags(root);
  if (tags.length === 0) {
    return { content: 'empty' };
  }
  const open = await openCaches(context, { cacheDir: root });
  try {
    const stats = await Promise.all(open.caches.map(cache => cache.stats()));
    const size = stats.reduce((total, { size }) => total + size, 0);
    const unusable = stats.find(({ degraded }) => degraded !== undefined)?.degraded;
    return { content: `${formatBytes(size)} in ${tags.join(', ')}`, unusable };
  } finally {
    await open.close();
  }
}

/** Size of the workspaces, which need more space than anything else. Empty when there are none. */
async function keptWorkspaces(cacheRoot: string): Promise<string[]> {
  const { WorkspaceService } = await import('../../../builder/workspace/index.ts');
  const made = (await new WorkspaceService({ cacheRoot }).list()).filter(({ kind }) => kind === 'made');
  if (made.length === 0) return [];
  const size = made.reduce((total, workspace) => total + workspace.size, 0);
  return [`${formatBytes(size)} in ${plural(made.length, 'workspace')}`];
}

/** How much room the build directories take that incremental builds build upon. Nothing when there are none. */
async function keptBuilds(cacheRoot: string): Promise<string[]> {
  const { listKept } = await import('../../../builder/toolchains/zephyr/stable-build-directory.ts');
  const kept = listKept(cacheRoot);
  if (kept.length === 0) return [];
  const size = kept.reduce((total, { bytes }) => total + bytes, 0);
  return [`${formatBytes(size)} in ${plural(kept.length, 'build directory', 'build directories')}`];
}

/** That incremental builds were turned off; no finding when they were not. */
async function examineIncremental(context: Context, flags: { cacheDir?: string }): Promise<DoctorFinding[]> {
  const { switchFile, isTurnedOff } = await import('../../../builder/toolchains/incremental-switch.ts');
  const root = await resolveCacheRoot(context, flags).catch(() => undefined);
  if (root === undefined || !isTurnedOff(root)) return [];
  return [
    {
      ...{ name: 'incremental', status: 'warning' },
      detail: 'incremental builds are off, because one of them once differed from a build from scratch',
      remedy: `Everything is compiled as without them. To turn them on again, remove ${switchFile(root)}`,
    },
  ];
}

/** Quarantined databases; no finding when there are none. */
async function examineQuarantine(context: Context, flags: { cacheDir?: string }): Promise<DoctorFinding[]> {
  const found = await resolveCacheRoot(context, flags).then(
    root => findQuarantined(root),
    () => [],
  );
  if (found.length === 0) return [];
  const size = formatBytes(found.reduce((total, quarantined) => total + quarantined.size, 0));
  const lines = found.map(({ file }) => file);
  const detail = `${plural(found.length, 'damaged database')} in quarantine, ${size}\n${lines.join('\n')}`;
  const remedy =
    'The caches have been recreated. To remove the damaged ones: glovebox cache cleanup --set-aside';
  return [{ name: 'damage', status: 'warning', detail, remedy }];
}

async function examineToolchains(
  context: Context,
  flags: { cacheDir?: string },
  config: UserConfig | undefined,
): Promise<DoctorFinding[]> {
  const { createUserConfig } = await import('../../../config/load-user-config.ts');
  const userConfig = config ?? createUserConfig();
  const query: ToolchainQuery = {
    userConfig,
    configDirectory: context.cwd,
    outputDirectory: resolve(context.cwd, userConfig.build.output ?? 'firmware'),
    cacheRoot: await resolveCacheRoot(context, flags).catch(() => context.cwd),
    cache: false,
  };
  const wanted = userConfig.build.toolchain;
  const findings = await Promise.all(
    TOOLCHAIN_KINDS.map(async kind => {
      const finding = await examineOne(kind, query);
      return finding.status === 'absent' && kind === wanted
        ? { ...finding, status: 'problem' as const }
        : finding;
    }),
  );
  const usable = findings.filter(({ status }) => status === 'ok').map(({ name }) => name);
  // Skipped when another toolchain would be used and west is not installed.
  if (usable.length === 0 || usable.includes('toolchain west') || wanted === 'west') {
    const isUsed = wanted === 'west' || (wanted === undefined && usable[0] === 'toolchain west');
    findings.push(...(await examineWestTools(userConfig, isUsed)));
  }
  if (usable.length === 0) {
    findings.push({
      name: 'toolchains',
      status: 'problem',
      detail: 'no usable toolchain was found on this machine',
      remedy: `Set up one of these: ${TOOLCHAIN_KINDS.join(', ')}.`,
    });
  }
  return findings;
}

/** One toolchain, found as a build finds it. */
async function examineOne(kind: ToolchainKind, query: ToolchainQuery): Promise<DoctorFinding> {
  const { userConfig, configDirectory } = query;
  if (kind === 'command')
    return examineCommand(userConfig.toolchains.command, userConfig.directory ?? configDirectory);
  const name = `toolchain ${kind}`;
  try {
    const { examineToolchain } = await import('../../../builder/toolchains/choice.ts');
    const finding = await examineToolchain(kind, query);
    if (finding.works) return { name, status: 'ok', detail: finding.detail };
    return { name, status: 'absent', detail: finding.detail, remedy: finding.remedy };
  } catch (error) {
    return { name, status: 'problem', detail: message(error) };
  }
}

/** Tools that a build with west needs. Missing ones matter only if west is used. */
async function examineWestTools(userConfig: UserConfig, isUsed: boolean): Promise<DoctorFinding[]> {
  const [{ examineRequirements }, { passedEnvironment }] = await Promise.all([
    import('../../../builder/toolchains/zephyr/requirements.ts'),
    import('../../../builder/toolchains/zephyr/environment.ts'),
  ]);
  const requirements = await examineRequirements(passedEnvironment(userConfig.toolchains.west?.environment));
  return requirements.map(({ name, found, isNeeded, remedy }): DoctorFinding => {
    if (found !== undefined) return { name, status: 'ok', detail: found };
    const status = !isUsed ? 'absent' : isNeeded ? 'problem' : 'warning';
    const detail = isNeeded ? 'not found, and a build with west needs it' : 'not found';
    return { name, status, detail, remedy };
  });
}

async function examineCommand(
  options: CommandToolchainOptions | undefined,
  directory: string,
): Promise<DoctorFinding> {
  const name = 'toolchain command';
  if (options === undefined) {
    const remedy = 'To build with another program, set toolchains.command in glovebox.config.yaml.';
    return { name, status: 'absent', detail: 'not configured', remedy };
  }
  const environment = pickEnvironment(['PATH']);
  const programs = options.version === undefined ? [options.program] : [options.program, options.version[0]!];
  for (const program of programs) {
    if ((await findProgram(program, directory, environment)) === undefined) {
      const remedy = `Install '${program}', or correct toolchains.command in the config file.`;
      return { name, status: 'problem', detail: `'${program}' was not found`, remedy };
    }
  }
  return {
    name,
    status: 'ok',
    detail: (await findProgram(options.program, directory, environment)) ?? options.program,
  };
}

async function nearestExisting(path: string): Promise<{ path: string; directory: boolean }> {
  for (let current = path; ; current = dirname(current)) {
    try {
      return { path: current, directory: (await stat(current)).isDirectory() };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || current === dirname(current)) {
        throw error;
      }
    }
  }
}

async function isAllowed(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
