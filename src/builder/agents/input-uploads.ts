// Uploads of declared inputs to the remote cache, once for each state of them.
import { realpathSync } from 'node:fs';
import path from 'node:path';
import * as walk from 'empathic/walk';
import type { RemoteTier } from '../../cache/remote/remote-tier.ts';
import { hasEntry } from '../../system/paths.ts';
import type { IdentifiedTarget } from '../incremental/index.ts';
import { ARCHIVE, archiveKey, packInputs } from './input-archive.ts';

/** Uploaded inputs. */
export interface UploadedInputs {
  key: string;
  /** The directory that the archive is relative to. Absolute. */
  root: string;
  /** Relative to the root, with `/`. */
  places: { config: string; directory: string };
}

/** Uploads inputs, and remembers what it has uploaded. */
export class InputUploads {
  readonly #tier: RemoteTier;
  readonly #configDirectory: string;
  readonly #directory: string;
  readonly #uploads = new Map<string, Promise<UploadedInputs | undefined>>();

  /**
   * @param configDirectory absolute
   *
   * @param directory of the toolchain, absolute
   */
  constructor(tier: RemoteTier, configDirectory: string, directory: string) {
    this.#tier = tier;
    this.#configDirectory = configDirectory;
    this.#directory = directory;
  }

  /**
   * Uploads the inputs of a target. Undefined if the remote cache does not take them. Rejects with
   * `UnportableInputsError` if they cannot be laid out elsewhere.
   */
  upload(target: IdentifiedTarget): Promise<UploadedInputs | undefined> {
    let upload = this.#uploads.get(target.inputsDigest);
    if (upload === undefined) {
      upload = this.#upload(target.inputs);
      this.#uploads.set(target.inputsDigest, upload);
    }
    return upload;
  }

  async #upload(inputs: IdentifiedTarget['inputs']): Promise<UploadedInputs | undefined> {
    const ofRepository = inputs.filter(([stored]) => stored.startsWith('{repository}'));
    const ofConfig = inputs.filter(([stored]) => !stored.startsWith('{') && !path.isAbsolute(stored));
    // Files of the repository are known by its real name.
    const isOutside = ofRepository.length > 0;
    const [config, directory] = [this.#configDirectory, this.#directory].map(one =>
      isOutside ? real(one) : one,
    );
    const repository = isOutside
      ? walk.up(config!).find(above => hasEntry(path.join(above, '.git')))
      : undefined;
    const root = commonParent([config!, directory!, ...(repository === undefined ? [] : [repository])]);
    const files = [
      ...ofConfig.map(([stored]) => path.join(config!, stored)),
      ...ofRepository.map(([, file]) => file),
    ];
    // Paths relative to the repository need to find its root again.
    const marks = repository === undefined ? [] : [path.join(path.relative(root, repository), '.git')];
    const archive = await packInputs(root, files, marks);
    const key = archiveKey(archive);
    const stored = await this.#tier.put(key, { kind: 'inputs', files: [{ name: ARCHIVE, bytes: archive }] });
    if (stored !== 'stored') return undefined;
    const below = (place: string) => path.relative(root, place).replaceAll(path.sep, '/');
    return { key, root, places: { config: below(config!), directory: below(directory!) } };
  }
}

/** The deepest directory that contains all of them. */
function commonParent([first = '/', ...others]: readonly string[]): string {
  let parent = first;
  for (const other of others) {
    while (other !== parent && !other.startsWith(parent === '/' ? '/' : `${parent}/`))
      parent = path.dirname(parent);
  }
  return parent;
}

function real(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
