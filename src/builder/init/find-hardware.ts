// The hardware to choose from: that of ZMK's sources in a workspace, else the bundled list.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { UserConfig } from '../../config/user-config.ts';
import { WorkspaceStore, workspaceRoot, zmkPlaces } from '../workspace/index.ts';
import { readWestConfig } from '../workspace/west-config.ts';
import { readManifest } from '../workspace/west-manifest.ts';
import { BUNDLED_CONTROLLERS, BUNDLED_KEYBOARDS, BUNDLED_REVISION } from './bundled-list.ts';
import { type Hardware, readHardware, sorted } from './hardware.ts';

export interface HardwareOptions {
  /** A west workspace. Absolute. Default: the newest one that Glovebox knows */
  workspace?: string | undefined;
  userConfig?: UserConfig | undefined;
  /** Takes precedence over the configuration. */
  cacheRoot?: string | undefined;
}

export interface HardwareSource {
  hardware: Hardware;
  /** The text of a `west.yml` for the same version of ZMK. */
  manifest: string;
  /** ZMK's branch, tag or commit in it. */
  revision: string;
  /** The workspace; undefined for the bundled list. */
  workspace: string | undefined;
}

const ZMK = 'zmkfirmware/zmk';

/** Rejects with `WorkspaceError` if the given workspace is not one of ZMK. */
export async function findHardware(options: HardwareOptions = {}): Promise<HardwareSource> {
  const { workspace, userConfig, cacheRoot } = options;
  if (workspace !== undefined) return (await readWorkspace(workspace)) ?? bundledHardware();
  for (const known of await new WorkspaceStore(workspaceRoot(userConfig, cacheRoot)).list()) {
    if (known.repository !== ZMK) continue;
    // One that cannot be read is of no use here.
    const found = await readWorkspace(known.path).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return bundledHardware();
}

/** The hardware of a workspace; undefined if it has none, or its manifest is not one for a config. */
async function readWorkspace(workspace: string): Promise<HardwareSource | undefined> {
  const { manifestFile } = await readWestConfig(workspace);
  const places = await zmkPlaces(workspace);
  if (places === undefined) return undefined;
  const application = path.join(workspace, places.application);
  const hardware = await readHardware(application);
  if (hardware.keyboards.length === 0) return undefined;
  const { repository, revision, files } = await readManifest(manifestFile);
  // ZMK's own manifest does not fetch ZMK, and one of several files cannot be copied.
  const isForConfig = path.dirname(manifestFile) !== application && repository === ZMK && files.length === 1;
  return isForConfig
    ? { hardware, manifest: await readFile(manifestFile, 'utf8'), revision, workspace }
    : { ...bundledHardware(), hardware, workspace };
}

/** The bundled list, which needs no workspace. */
export function bundledHardware(): HardwareSource {
  const words = (text: string) => text.split(' ').filter(word => word !== '');
  const rowsOf = (table: string) =>
    table
      .trim()
      .split('\n')
      .map(line => line.split('|').map(cell => cell.trim()));
  const keyboards = rowsOf(BUNDLED_KEYBOARDS).map(
    ([id = '', name = '', fits = '', parts = '', rows = '']) => ({
      ...{ id, name, kind: fits === 'board' ? ('board' as const) : ('shield' as const) },
      requires: fits === 'board' ? [] : words(fits),
      parts: parts === '' ? [id] : words(parts),
      rows: words(rows).map(Number),
    }),
  );
  const controllers = rowsOf(BUNDLED_CONTROLLERS).map(([id = '', name = '', exposes = '']) => ({
    ...{ id, name, exposes: words(exposes) },
  }));
  return {
    hardware: sorted({ keyboards, controllers }),
    manifest: westYaml(BUNDLED_REVISION),
    revision: BUNDLED_REVISION,
    workspace: undefined,
  };
}

function westYaml(revision: string): string {
  return `# The version of ZMK.
manifest:
  remotes:
    - name: zmkfirmware
      url-base: https://github.com/zmkfirmware
  projects:
    - name: zmk
      remote: zmkfirmware
      revision: ${revision}
      import: app/west.yml
  self:
    path: config
`;
}
