// Writes the report and the trace of a build.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { glob } from 'tinyglobby';
import type { CacheStats } from '../../cache/cache.ts';
import { defaultCacheRoot } from '../../config/environment.ts';
import { loadUserConfig } from '../../config/load-user-config.ts';
import { DEFAULT_CONFIG_PATH } from '../../config/toolchain-options.ts';
import { cacheOptionsFor } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { openCaches } from '../open-caches.ts';
import { shortPath } from '../terminal/text.ts';
import type { ReportData } from './page.ts';
import type { Recording } from './recording.ts';

/** A report, trace or drawing cannot be written. */
export class ReportError extends GloveboxError {
  constructor(file: string, error: unknown) {
    super('GLOVEBOX_REPORT', `Cannot write ${file}: ${(error as Error).message}. Choose another place.`, {
      cause: error,
    });
  }
}

export interface ReportFiles {
  /** Absolute path of the report. */
  report?: string | undefined;
  /** The trace; absolute. */
  trace?: string | undefined;
}

export interface ReportOptions {
  configDirectory: string;
  /** The directory of the keymaps, relative to the config directory. Default: the configured one */
  configPath?: string | undefined;
  /** The requested workspace. Absolute. */
  workspace?: string | undefined;
  /** Cache root of the build, when it differs from the configured one. */
  cacheRoot?: string | undefined;
  /** Whether the build used caches. Default: true. */
  cache?: boolean | undefined;
}

/** A page with more keymaps would be too long to read. */
const MAX_KEYMAPS = 20;

/** Writes the requested files. Rejects with {@link ReportError} when one cannot be written. */
export async function writeReports(
  context: Context,
  recording: Recording,
  { report, trace }: ReportFiles,
  options: ReportOptions,
): Promise<void> {
  if (trace !== undefined) {
    const { traceOf } = await import('./trace.ts');
    await writeReport(trace, traceOf(recording));
  }
  if (report !== undefined) {
    const { pageOf } = await import('./page.ts');
    await writeReport(report, pageOf(recording, await collectReportData(context, options)));
  }
}

/** Writes a file that the user asked for, and the directories above it. Rejects with {@link ReportError}. */
export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  } catch (error) {
    throw new ReportError(file, error);
  }
}

async function collectReportData(context: Context, options: ReportOptions): Promise<ReportData> {
  const { configDirectory, cacheRoot, cache = true } = options;
  const userConfig = await loadUserConfig({ directory: configDirectory });
  const root = cacheRoot ?? cacheOptionsFor(userConfig, 'default').cacheRoot ?? defaultCacheRoot();
  const caches = cache ? await statsOf(context, root) : [];
  return { caches, keymaps: await lookAtKeymaps(options) };
}

/** The directory of the keymaps. Absolute. */
export async function keymapDirectory({ configDirectory, configPath }: ReportOptions): Promise<string> {
  const { build } = await loadUserConfig({ directory: configDirectory });
  return path.resolve(configDirectory, configPath ?? build.configPath ?? DEFAULT_CONFIG_PATH);
}

/** The keymaps of the config, with their layers. */
export async function lookAtKeymaps(options: ReportOptions): Promise<ReportData['keymaps']> {
  const { configDirectory, workspace, cacheRoot } = options;
  const userConfig = await loadUserConfig({ directory: configDirectory });
  const { createLayoutService, KeymapFileError } = await import('../../builder/layout/layout-service.ts');
  const { findPhysicalLayouts } = await import('../../builder/layout/physical-layouts.ts');
  const layouts = createLayoutService({ userConfig });
  const keymaps: ReportData['keymaps'] = [];
  const directory = await keymapDirectory(options);
  const names = await glob('*.keymap', { cwd: directory, followSymbolicLinks: false });
  for (const name of names.sort().slice(0, MAX_KEYMAPS)) {
    const file = shortPath(path.join(directory, name), configDirectory);
    try {
      const layout = await layouts.layoutOf(path.join(directory, name), {
        ...{ configDirectory, workspace, cacheRoot },
      });
      const errors = layout.errors.map(error => ({
        ...error,
        ...(error.file !== undefined && { file: shortPath(error.file, configDirectory) }),
      }));
      const physical = await findPhysicalLayouts(path.join(directory, name), {
        ...{ configDirectory, workspace, cacheRoot, userConfig },
      });
      keymaps.push({ file, layout: { ...layout, errors }, physical });
    } catch (error) {
      if (!(error instanceof KeymapFileError)) throw error;
      keymaps.push({
        file,
        layout: { layers: [], errors: [{ line: 1, column: 1, message: error.message }] },
        physical: [],
      });
    }
  }
  return keymaps;
}

async function statsOf(context: Context, cacheDir: string): Promise<CacheStats[]> {
  const opened = await openCaches(context, { cacheDir });
  try {
    return await Promise.all(opened.caches.map(cache => cache.stats()));
  } finally {
    await opened.close();
  }
}
