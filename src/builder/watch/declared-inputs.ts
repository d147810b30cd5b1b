// Declared inputs of a watched build: every file that a target may read, at one moment.
import { GloveboxError } from '../../errors.ts';
import type { Toolchain } from '../incremental/index.ts';
import { InputReader, isEditorLeftover } from '../inputs/input-reader.ts';
import type { PathBase } from '../inputs/path-base.ts';

/** The SHA-256 of each declared input by its absolute path. */
export type Inputs = ReadonlyMap<string, string>;

/** Reads all inputs. An unreadable input counts as changed since it was readable. */
export async function readInputs(toolchain: Toolchain): Promise<Inputs> {
  const reader = new InputReader();
  const inputs = new Map<string, string>();
  for (const file of await toolchain.declaredInputs()) {
    if (isEditorLeftover(file)) continue;
    try {
      const state = await reader.file(file);
      if (state) inputs.set(file, state.sha256);
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
      inputs.set(file, 'unreadable');
    }
  }
  return inputs;
}

/** The files that were added, removed or changed, sorted, with a sentence for each. */
export function changesOf(
  before: Inputs,
  now: Inputs,
  paths: PathBase,
): { files: string[]; changes: string[] } {
  const files = [...new Set([...before.keys(), ...now.keys()])]
    .filter(file => before.get(file) !== now.get(file))
    .sort();
  const changes = files.map(file => {
    const what = !before.has(file) ? 'was added' : now.has(file) ? 'changed' : 'was removed';
    return `${paths.toStored(file)} ${what}`;
  });
  return { files, changes };
}
